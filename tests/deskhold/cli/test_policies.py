"""policy: the file and back, the diff, and tests of what it says."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree

import pytest
from google.protobuf import json_format
from google.rpc.status_pb2 import Status

from deskhold.api.rbac.v1.access_pb2 import (
    DECISION_ALLOW,
    DECISION_DENY,
    BatchCheckAccessRequest,
    BatchCheckAccessResponse,
    BatchCheckAccessResult,
    CheckAccessResponse,
    ExplainAccessResponse,
    NearMiss,
)
from deskhold.api.rbac.v1.policies_pb2 import (
    AccessChange,
    ImportPolicyResponse,
    Policy,
    PolicyChange,
)
from deskhold.api.rbac.v1.principals_pb2 import PRINCIPAL_KIND_USER, Principal
from deskhold.cli.policy_files import format_policy
from tests.deskhold.cli.conftest import Run, RunOnTerminal
from tests.deskhold.stub_service import StubService

BOB = {"kind": "PRINCIPAL_KIND_USER", "id": "bob@contoso.com"}
STAFF = {"kind": "PRINCIPAL_KIND_GROUP", "id": "staff", "directory": "d"}
POLICY = json_format.ParseDict(
    {
        "role_definitions": [
            {
                "name": "roleDefinitions/5f0c1d2e-0000-4000-8000-000000000001",
                "display_name": "Host Keeper",
                "description": "Looks after hosts.",
                "permissions": [
                    {"actions": ["x/hosts/*"], "not_actions": ["*/delete"]},
                    {"actions": ["*/read"]},
                ],
                "assignable_scopes": ["/", "/tenantGroups/g"],
            }
        ],
        "groups": [
            {"group": {"name": "groups/staff", "display_name": "Staff"}, "members": [BOB, STAFF]},
            {"group": {"name": "groups/empty"}},
        ],
        "role_assignments": [
            {"role_definition": "Host Keeper", "principal": STAFF, "scope": "/"},
            {
                "role_definition": "roleDefinitions/3b14baea-8d82-4610-f5da-08d623dd1cc4",
                "principal": BOB,
                "scope": "/tenantGroups/g",
                "start_time": "2030-01-01T00:00:00Z",
                "expire_time": "2030-01-02T00:00:00.000001Z",
                "delegation": {
                    "role_definitions": ["RDS Reader"],
                    "principal_kinds": ["PRINCIPAL_KIND_USER"],
                    "principals": [BOB],
                    "max_duration": "3600s",
                },
            },
        ],
    },
    Policy(),
)
CHANGED = ImportPolicyResponse(
    changes=[PolicyChange(sign="+", subject="groups/new"), PolicyChange(sign="-", subject="old")],
    access_changes=[
        AccessChange(
            principal=Principal(kind=PRINCIPAL_KIND_USER, id="bob@contoso.com"),
            scope="/",
            gained=["a/read"],
            lost=["a/write", "b/write"],
        )
    ],
)


@pytest.fixture
def file(tmp_path: Path) -> str:
    path = tmp_path / "policy.yaml"
    path.write_text(format_policy(POLICY))
    return str(path)


def test_what_is_exported_is_imported_unchanged(
    run: Run, service: StubService, tmp_path: Path
) -> None:
    service.answers["ExportPolicy"] = POLICY
    service.answers["ImportPolicy"] = ImportPolicyResponse()
    path = str(tmp_path / "p.yaml")

    assert run("policy", "export", path).exit_code == 0
    done = run("policy", "import", path)

    assert (done.exit_code, done.stdout) == (0, "nothing changes\n")
    (request,) = service.requests("ImportPolicy")
    assert request.policy == POLICY
    assert (request.scope, request.replace, request.validate_only) == ("/", False, False)


def test_a_policy_goes_to_stdout_and_comes_from_stdin(run: Run, service: StubService) -> None:
    service.answers["ExportPolicy"] = POLICY
    service.answers["ImportPolicy"] = ImportPolicyResponse()

    exported = run("policy", "export", "--tenant-group", "g").stdout
    run("policy", "import", "-", "--tenant-group", "g", stdin=exported)

    assert service.requests("ExportPolicy")[0].scope == "/tenantGroups/g"
    (request,) = service.requests("ImportPolicy")
    assert (request.scope, request.policy) == ("/tenantGroups/g", POLICY)


def test_an_import_prints_changes_and_who_gains_and_who_loses(
    file: str, run: Run, service: StubService
) -> None:
    service.answers["ImportPolicy"] = CHANGED

    done = run("policy", "import", file, "--dry-run", "--replace")

    assert done.stdout.splitlines() == [
        "+ groups/new",
        "- old",
        "bob@contoso.com gains at /: a/read",
        "bob@contoso.com loses at /: a/write, b/write",
    ]
    (request,) = service.requests("ImportPolicy")
    assert (request.replace, request.validate_only) == (True, True)
    assert json.loads(run("policy", "import", file, "-o", "json").stdout)["changes"]
    assert run("policy", "import", file, "-o", "name").stdout == "groups/new\nold\n"


def test_replacing_shows_the_changes_and_asks(
    file: str, run: Run, run_on_terminal: RunOnTerminal, service: StubService
) -> None:
    service.answers["ImportPolicy"] = CHANGED
    words = ("policy", "import", file, "--replace")

    assert run(*words).exit_code == 2
    asked = run_on_terminal(*words, answer="y\n")
    assert run(*words, "--yes").exit_code == 0

    assert "bob@contoso.com loses at /: a/write, b/write" in asked.terminal
    assert "Make these 2 changes?" in asked.terminal
    sent = [one.validate_only for one in service.requests("ImportPolicy")]
    assert sent == [True, False, False]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("- a list", "is no mapping"),
        ("rolls: []", "has rolls"),
        ("roles: {}", "roles is no list"),
        ("roles: [{id: x}]", "roles, entry 1 has no name"),
        ("role_assignments: [{role: R, scope: /}]", "entry 1 needs one of user, group"),
        ("role_assignments: [{role: R, user: a, group: b, scope: /}]", "needs one of"),
        ("role_assignments: [{role: R, user: a@b.c, scope: /, until: soon}]", "entry 1"),
        ("roles: [{name: R, permissions: [{action: [x]}]}]", "entry 1"),
        ("groups: [{name: g, members: [bob]}]", "is no mapping"),
    ],
)
def test_a_file_that_is_no_policy_is_named_with_entry_and_fault(
    content: str, says: str, run: Run, service: StubService
) -> None:
    done = run("policy", "import", "-", stdin=content)

    assert done.exit_code == 1
    assert says in done.stderr
    assert service.seen == []


def test_times_that_yaml_reads_itself_are_times(run: Run, service: StubService) -> None:
    service.answers["ImportPolicy"] = ImportPolicyResponse()
    head = "role_assignments: [{role: R, user: a@b.c, scope: /, "

    for window in (
        "from: 2030-01-01T01:00:00+01:00, until: 2030-01-02 00:00:00}]",
        "from: 2030-01-01, until: 2030-01-02T00:00}]",
    ):
        assert run("policy", "import", "-", stdin=head + window).exit_code == 0

    for request in service.requests("ImportPolicy"):
        (made,) = request.policy.role_assignments
        assert made.expire_time.seconds - made.start_time.seconds == 24 * 3600


ASSERTIONS = """
- {may: alice@contoso.com, do: a/read, at: /}
- {may-not: 'CONTOSO\\bob', do: a/read, at: /, groups: [g1]}
- {may: 'group:staff', directory: d, do: a/write, at: /tenantGroups/g}
- {may: alice@contoso.com, do: a/read, at: nonsense}
"""


def decided(request: BatchCheckAccessRequest) -> BatchCheckAccessResponse:
    """Allow reading, deny the rest, refuse what is no scope."""
    response = BatchCheckAccessResponse()
    for check in request.checks:
        decision = DECISION_ALLOW if check.action == "a/read" else DECISION_DENY
        answer = CheckAccessResponse(decision=decision, role_assignment="roleAssignments/1")
        refused = BatchCheckAccessResult(error=Status(code=3, message="no scope"))
        response.results.append(
            BatchCheckAccessResult(answer=answer) if check.scope.startswith("/") else refused
        )
    return response


def test_assertions_are_checked_together_and_failures_explained(
    run: Run, service: StubService, tmp_path: Path
) -> None:
    service.answers["BatchCheckAccess"] = decided
    miss = NearMiss(message="staff holds no role")
    service.answers["ExplainAccess"] = ExplainAccessResponse(near_misses=[miss])
    junit = tmp_path / "out.xml"

    done = run("policy", "test", "-", "--junit", str(junit), "-o", "json", stdin=ASSERTIONS)

    assert done.exit_code == 1
    found = [(one["outcome"], one["message"]) for one in json.loads(done.stdout)]
    assert found == [
        ("passed", ""),
        ("failed", "allowed by roleAssignments/1"),
        ("failed", "staff holds no role"),
        ("error", "no scope"),
    ]
    (batch,) = service.requests("BatchCheckAccess")
    assert [list(one.group_ids) for one in batch.checks] == [[], ["g1"], [], []]
    assert (batch.checks[2].principal.id, batch.checks[2].principal.directory) == ("staff", "d")
    suite = ElementTree.parse(junit).getroot()[0]
    assert (suite.get("tests"), suite.get("failures"), suite.get("errors")) == ("4", "2", "1")
    assert [case[0].tag if len(case) else "" for case in suite] == [
        "",
        "failure",
        "failure",
        "error",
    ]
    assert suite[1].get("name") == "CONTOSO\\bob may not a/read at /"


def test_assertions_that_hold_are_exit_code_0_however_many_there_are(
    run: Run, service: StubService
) -> None:
    service.answers["BatchCheckAccess"] = decided

    done = run("policy", "test", "-", stdin="- {may: a@b.c, do: a/read, at: /}\n" * 300)

    assert done.exit_code == 0
    assert [len(one.checks) for one in service.requests("BatchCheckAccess")] == [256, 44]


def test_the_example_is_a_test_that_runs(run: Run, service: StubService) -> None:
    def deny(request: BatchCheckAccessRequest) -> BatchCheckAccessResponse:
        denied = BatchCheckAccessResult(answer=CheckAccessResponse(decision=DECISION_DENY))
        return BatchCheckAccessResponse(results=[denied] * len(request.checks))

    service.answers["BatchCheckAccess"] = deny
    example = Path(__file__).parents[3] / "examples/policy-tests.yaml"

    assert run("policy", "test", str(example)).exit_code == 0


@pytest.mark.parametrize(
    "content",
    [
        "",
        "{}",
        "- may",
        "- {may: a@b.c, do: x/y}",
        "- {may: a, may-not: b, do: x/y, at: /}",
        "- {may: a@b.c, do: x/y, at: /, when: now}",
        "- {may: a@b.c, do: 1, at: /}",
    ],
)
def test_a_file_that_holds_no_assertions_is_refused(
    content: str, run: Run, service: StubService
) -> None:
    assert run("policy", "test", "-", stdin=content).exit_code == 1
    assert service.seen == []
