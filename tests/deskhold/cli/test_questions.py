"""can-i, explain, who-can, where-can, permissions, what-if."""

from __future__ import annotations

import json

import pytest

from deskhold.api.rbac.v1.access_pb2 import (
    DECISION_ALLOW,
    DECISION_DENY,
    NEAR_MISS_REASON_NOT_IN_GROUP,
    CheckAccessResponse,
    EffectivePermissions,
    ExplainAccessResponse,
    GrantPath,
    ListAccessibleScopesRequest,
    ListAccessibleScopesResponse,
    ListEffectivePermissionsResponse,
    ListPrincipalsWithAccessResponse,
    NearMiss,
    NearMissReason,
    PrincipalAccess,
    WhatIfAnswer,
    WhatIfResponse,
)
from deskhold.api.rbac.v1.principals_pb2 import (
    PRINCIPAL_KIND_GROUP,
    PRINCIPAL_KIND_USER,
    Principal,
)
from deskhold.cli.access import _ADVICE
from tests.deskhold.cli.conftest import Run
from tests.deskhold.stub_service import StubService

WRITE = "deskhold.resources/hosts/write"
BOB = Principal(kind=PRINCIPAL_KIND_USER, id="bob@contoso.com")
STAFF = Principal(kind=PRINCIPAL_KIND_GROUP, id="staff")
ALLOWED = ExplainAccessResponse(
    answer=CheckAccessResponse(decision=DECISION_ALLOW),
    grants=[
        GrantPath(
            role_assignment="roleAssignments/1",
            role_display_name="RDS Contributor",
            scope="/tenantGroups/g",
            inherited=True,
            through_groups=[STAFF],
        )
    ],
)
DENIED = ExplainAccessResponse(
    answer=CheckAccessResponse(decision=DECISION_DENY),
    near_misses=[
        NearMiss(
            reason=NEAR_MISS_REASON_NOT_IN_GROUP,
            role_assignment="roleAssignments/1",
            message="staff holds RDS Contributor, and bob is not in it",
        )
    ],
)


@pytest.mark.parametrize("command", ["can-i", "explain"])
def test_a_question_may_be_about_anybody_with_the_groups_of_their_token(
    command: str, run: Run, service: StubService
) -> None:
    service.answers["CheckAccess"] = CheckAccessResponse(decision=DECISION_ALLOW)
    service.answers["ExplainAccess"] = ALLOWED

    run(command, WRITE, "--group", "staff", "--directory", "d", "--token-group", "g1")

    request = service.seen[0].request
    check = request.check if command == "explain" else request
    assert check.principal == Principal(kind=PRINCIPAL_KIND_GROUP, id="staff", directory="d")
    assert (check.scope, list(check.group_ids)) == ("/", ["g1"])


def test_a_check_may_ask_for_a_revision_and_prints_the_next(run: Run, service: StubService) -> None:
    service.answers["CheckAccess"] = CheckAccessResponse(
        decision=DECISION_ALLOW, revision_token="t2"
    )

    done = run("can-i", WRITE, "--token", "t0", "--token", "t1", "-o", "json")
    run("can-i", WRITE)

    asked, plain = service.requests("CheckAccess")
    assert list(asked.consistency.at_least_as_fresh.tokens) == ["t0", "t1"]
    assert not plain.HasField("consistency")
    assert json.loads(done.stdout)["revision_token"] == "t2"


def test_explain_says_by_which_role_from_where_and_through_whom(
    run: Run, service: StubService
) -> None:
    service.answers["ExplainAccess"] = ALLOWED

    done = run("explain", WRITE, "--user", "bob@contoso.com", "--tenant-group", "g")

    assert (done.exit_code, done.stdout.splitlines()) == (
        0,
        [
            f"yes: bob@contoso.com may do {WRITE} at /tenantGroups/g",
            "  by the role RDS Contributor, assigned at /tenantGroups/g, inherited from there,"
            " through group:staff",
            "    roleAssignments/1",
        ],
    )


def test_explain_says_what_comes_nearest_and_what_would_change_it(
    run: Run, service: StubService
) -> None:
    service.answers["ExplainAccess"] = DENIED

    done = run("explain", WRITE, "--user", "bob@contoso.com")
    as_csv = run("explain", WRITE, "-o", "csv")

    assert (done.exit_code, as_csv.exit_code) == (4, 4)
    assert done.stdout.splitlines() == [
        f"no: bob@contoso.com may not do {WRITE} at /",
        "  staff holds RDS Contributor, and bob is not in it",
        "    to change that: add the user to that group",
    ]
    assert as_csv.stdout.splitlines()[1].startswith("NOT_IN_GROUP,")


@pytest.mark.parametrize("output", ["json", "yaml", "csv", "name"])
def test_explain_takes_every_form_of_output(output: str, run: Run, service: StubService) -> None:
    service.answers["ExplainAccess"] = ALLOWED

    assert "roleAssignments/1" in run("explain", WRITE, "-o", output).stdout


def test_there_is_advice_for_every_near_miss() -> None:
    names = [value.name for value in NearMissReason.DESCRIPTOR.values]
    reasons = {name.removeprefix("NEAR_MISS_REASON_") for name in names}

    assert set(_ADVICE) == reasons - {"UNSPECIFIED"}


def test_who_can_names_principals_with_role_and_path(run: Run, service: StubService) -> None:
    service.answers["ListPrincipalsWithAccess"] = ListPrincipalsWithAccessResponse(
        principals=[PrincipalAccess(principal=BOB, role_display_name="R", through_groups=[STAFF])]
    )

    done = run("who-can", WRITE, "--collection", "eng")

    assert "bob@contoso.com  user  R     group:staff" in done.stdout
    (request,) = service.requests("ListPrincipalsWithAccess")
    assert request.scope.endswith("/collections/eng")


def test_where_can_lists_scopes_over_all_pages(run: Run, service: StubService) -> None:
    def pages(request: ListAccessibleScopesRequest) -> ListAccessibleScopesResponse:
        if request.page_token:
            return ListAccessibleScopesResponse(scopes=["/tenantGroups/b"])
        return ListAccessibleScopesResponse(scopes=["/tenantGroups/a"], next_page_token="2")

    service.answers["ListAccessibleScopes"] = pages

    done = run("where-can", WRITE, "--user", "bob@contoso.com", "-o", "name")

    assert done.stdout.splitlines() == ["/tenantGroups/a", "/tenantGroups/b"]


def test_the_matrix_groups_verbs_by_resource_in_tables_only(run: Run, service: StubService) -> None:
    actions = ["x/hosts/read", "x/hosts/write", "x/apps/connect/action"]
    service.answers["ListEffectivePermissions"] = ListEffectivePermissionsResponse(
        rows=[EffectivePermissions(principal=BOB, actions=actions)]
    )

    table = run("permissions", "--user", "bob@contoso.com").stdout.splitlines()
    whole = json.loads(run("permissions", "-o", "json").stdout)

    assert table[1:] == [
        "bob@contoso.com  user  x/hosts   read, write",
        "bob@contoso.com  user  x/apps    connect",
    ]
    assert [one["actions"] for one in whole] == [actions]


def test_what_if_shows_before_and_after_of_each_action(run: Run, service: StubService) -> None:
    service.answers["WhatIf"] = WhatIfResponse(
        answers=[
            WhatIfAnswer(before=DECISION_DENY, after=DECISION_ALLOW),
            WhatIfAnswer(before=DECISION_DENY, after=DECISION_DENY),
        ]
    )

    done = run(
        *("what-if", "--assign", "RDS Reader", "--remove", "roleAssignments/1", "--join", "staff"),
        *("--leave", "groups/old", "--user", "bob@contoso.com", "--tenant-group", "g"),
        *("--action", "a/read", "--action", "a/write", "-o", "csv"),
    )

    (request,) = service.requests("WhatIf")
    kinds = [change.WhichOneof("change") for change in request.changes]
    assert kinds == ["assign", "remove_role_assignment", "add_member", "remove_member"]
    assert request.changes[0].assign.role_definition == "RDS Reader"
    assert [one.add_member.group for one in request.changes][2] == "groups/staff"
    assert [check.principal.id for check in request.checks] == ["bob@contoso.com"] * 2
    assert done.stdout.splitlines()[1:] == [
        "a/read,/tenantGroups/g,DECISION_DENY,DECISION_ALLOW",
        "a/write,/tenantGroups/g,DECISION_DENY,DECISION_DENY",
    ]


@pytest.mark.parametrize(
    "words",
    [
        ("--assign", "R", "--action", "a/b"),
        ("--user", "a@b.c", "--action", "a/b"),
        ("--user", "a@b.c", "--assign", "R"),
    ],
    ids=["nobody", "no change", "no action"],
)
def test_what_if_needs_somebody_a_change_and_an_action(
    words: tuple[str, ...], run: Run, service: StubService
) -> None:
    assert run("what-if", *words).exit_code == 2
    assert service.seen == []
