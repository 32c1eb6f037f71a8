"""whoami, can-i, role, role-assignment, scope: what they send, and what they print."""

from __future__ import annotations

import json

import pytest
from google.protobuf.empty_pb2 import Empty

from deskhold import errors
from deskhold.api.rbac.v1.access_pb2 import (
    DECISION_ALLOW,
    DECISION_DENY,
    CheckAccessResponse,
    WhoAmIResponse,
)
from deskhold.api.rbac.v1.principals_pb2 import (
    PRINCIPAL_KIND_GROUP,
    PRINCIPAL_KIND_USER,
    Principal,
)
from deskhold.api.rbac.v1.role_assignments_pb2 import (
    CreateRoleAssignmentRequest,
    ListRoleAssignmentsResponse,
    RoleAssignment,
)
from deskhold.api.rbac.v1.role_definitions_pb2 import (
    ListRoleDefinitionsResponse,
    Permission,
    RoleDefinition,
)
from deskhold.api.rbac.v1.scopes_pb2 import (
    SCOPE_KIND_TENANT_GROUP,
    CreateScopeRequest,
    ListScopesResponse,
    Scope,
)
from tests.deskhold.cli.conftest import Run, RunOnTerminal
from tests.deskhold.stub_service import StubService

OWNER_ID = "3b14baea-8d82-4610-f5da-08d623dd1cc4"
OWNER = RoleDefinition(
    name=f"roleDefinitions/{OWNER_ID}",
    display_name="RDS Owner",
    permissions=[Permission(actions=["*"], not_actions=["a/delete"])],
)
ALICE = Principal(kind=PRINCIPAL_KIND_USER, id="alice@contoso.com")


def held(scope: str, number: int = 1) -> RoleAssignment:
    return RoleAssignment(
        name=f"{scope}/roleAssignments/{number}".lstrip("/"),
        principal=ALICE,
        role_display_name="RDS Reader",
        scope=scope,
    )


def created(request: CreateRoleAssignmentRequest) -> RoleAssignment:
    made = RoleAssignment(name="roleAssignments/1", scope=request.scope)
    made.MergeFrom(request.role_assignment)
    return made


def test_whoami_shows_principal_groups_and_expiry(run: Run, service: StubService) -> None:
    answer = WhoAmIResponse(principal=ALICE, group_ids=["g1", "g2"])
    answer.expire_time.FromSeconds(1_767_225_600)
    service.answers["WhoAmI"] = answer

    assert run("whoami").stdout.splitlines() == [
        "PRINCIPAL:  alice@contoso.com",
        "KIND:       user",
        "DIRECTORY:",
        "GROUPS:     g1, g2",
        "EXPIRES:    2026-01-01T00:00:00Z",
    ]


def test_can_i_says_yes_and_by_which_assignment(run: Run, service: StubService) -> None:
    service.answers["CheckAccess"] = CheckAccessResponse(
        decision=DECISION_ALLOW, role_assignment="roleAssignments/1"
    )

    done = run("can-i", "deskhold.resources/hosts/write", "--collection", "eng")

    assert (done.exit_code, done.stdout) == (0, "yes, by roleAssignments/1\n")
    (request,) = service.requests("CheckAccess")
    assert request.scope == "/tenantGroups/default/tenants/default/collections/eng"
    assert not request.HasField("principal")


def test_can_i_says_no_with_exit_code_4(run: Run, service: StubService) -> None:
    service.answers["CheckAccess"] = CheckAccessResponse(decision=DECISION_DENY)

    done = run("can-i", "a/write", "--user", "CONTOSO\\bob")
    as_json = run("can-i", "a/write", "-o", "json")

    assert (done.exit_code, done.stdout) == (4, "no\n")
    assert (as_json.exit_code, json.loads(as_json.stdout)["allowed"]) == (4, False)
    about_bob = service.requests("CheckAccess")[0]
    assert (about_bob.scope, about_bob.principal.id) == ("/", "CONTOSO\\bob")


@pytest.mark.parametrize("name", [OWNER_ID, f"roleDefinitions/{OWNER_ID}", "rds owner"])
def test_a_role_is_shown_by_id_or_display_name(name: str, run: Run, service: StubService) -> None:
    service.answers["GetRoleDefinition"] = OWNER
    service.answers["ListRoleDefinitions"] = ListRoleDefinitionsResponse(role_definitions=[OWNER])

    done = run("role", "show", name)

    assert "RDS Owner" in done.stdout
    assert "* without a/delete" in done.stdout


def test_an_unknown_role_is_exit_code_3(run: Run, service: StubService) -> None:
    service.answers["ListRoleDefinitions"] = ListRoleDefinitionsResponse(role_definitions=[OWNER])

    done = run("role", "show", "RDS Gardener")

    assert done.exit_code == 3
    assert "'RDS Gardener'" in done.stderr


def test_roles_are_listed(run: Run, service: StubService) -> None:
    service.answers["ListRoleDefinitions"] = ListRoleDefinitionsResponse(role_definitions=[OWNER])

    assert run("role", "list", "-o", "name").stdout == f"roleDefinitions/{OWNER_ID}\n"


def test_a_role_is_given_to_a_group_of_a_directory(run: Run, service: StubService) -> None:
    service.answers["CreateRoleAssignment"] = created

    done = run(
        *("role-assignment", "create", "--role", "RDS Reader", "--group", "g1"),
        *("--directory", "d1", "--tenant", "hr", "--diagnostics"),
    )

    (request,) = service.requests("CreateRoleAssignment")
    assert request.scope == "/tenantGroups/default/tenants/hr/diagnostics"
    assert request.role_assignment.role_definition == "RDS Reader"
    principal = Principal(kind=PRINCIPAL_KIND_GROUP, id="g1", directory="d1")
    assert request.role_assignment.principal == principal
    assert done.exit_code == 0


def test_a_role_given_by_id_is_sent_as_its_name(run: Run, service: StubService) -> None:
    service.answers["CreateRoleAssignment"] = created
    service.answers["ListRoleAssignments"] = ListRoleAssignmentsResponse()

    run("role-assignment", "create", "--role", OWNER_ID, "--user", "a@b.c", "--infrastructure")
    run("role-assignment", "list", "--role", OWNER_ID)

    (made,) = service.requests("CreateRoleAssignment")
    (asked,) = service.requests("ListRoleAssignments")
    assert made.role_assignment.role_definition == asked.role_definition == OWNER.name


@pytest.mark.parametrize(
    "words",
    [
        ("--user", "a@b.c"),
        ("--infrastructure",),
        ("--infrastructure", "--user", "a@b.c", "--group", "g"),
        ("--infrastructure", "--directory", "d"),
        ("--diagnostics", "--user", "a@b.c"),
    ],
    ids=" ".join,
)
def test_a_role_needs_one_principal_and_one_scope(
    words: tuple[str, ...], run: Run, service: StubService
) -> None:
    done = run("role-assignment", "create", "--role", "RDS Reader", *words)

    assert done.exit_code == 2
    assert service.seen == []


def test_role_assignments_say_where_they_are_and_whether_they_are_inherited(
    run: Run, service: StubService
) -> None:
    at, below = "/tenantGroups/g", "/tenantGroups/g/tenants/t"
    service.answers["ListRoleAssignments"] = ListRoleAssignmentsResponse(
        role_assignments=[held("/"), held(at), held(below)]
    )

    done = run("role-assignment", "list", "--tenant-group", "g", "-o", "json")

    found = [(one["scope"], one["placement"]) for one in json.loads(done.stdout)]
    assert found == [("/", "inherited"), (at, "here"), (below, "below")]
    assert [one["inherited"] for one in json.loads(done.stdout)] == [True, False, False]


def test_a_role_is_taken_away_by_role_principal_and_scope(run: Run, service: StubService) -> None:
    service.answers["ListRoleAssignments"] = ListRoleAssignmentsResponse(
        role_assignments=[held("/", 1), held("/tenantGroups/g", 2)]
    )
    service.answers["DeleteRoleAssignment"] = Empty()

    done = run(
        *("role-assignment", "remove", "--role", "RDS Reader", "--user", "alice@contoso.com"),
        *("--tenant-group", "g", "--force"),
    )

    (request,) = service.requests("DeleteRoleAssignment")
    assert request.name == "tenantGroups/g/roleAssignments/2"
    assert done.exit_code == 0


def test_an_inherited_role_is_not_taken_away_here_but_there(run: Run, service: StubService) -> None:
    service.answers["ListRoleAssignments"] = ListRoleAssignmentsResponse(
        role_assignments=[held("/")]
    )

    done = run(
        *("role-assignment", "remove", "--role", "RDS Reader", "--user", "alice@contoso.com"),
        *("--tenant", "hr", "--force"),
    )

    assert done.exit_code == 3
    assert "inherited from /, take it away there" in done.stderr


def test_a_role_assignment_is_taken_away_by_name_and_asks_first(
    run: Run, run_on_terminal: RunOnTerminal, service: StubService
) -> None:
    service.answers["GetRoleAssignment"] = held("/")
    service.answers["DeleteRoleAssignment"] = Empty()
    words = ("role-assignment", "remove", "roleAssignments/1")

    assert run(*words).exit_code == 2
    assert run(*words, "--what-if").exit_code == 0
    asked = run_on_terminal(*words, answer="y\n")

    assert "Take away RDS Reader of alice@contoso.com at /?" in asked.terminal
    sent = [one.validate_only for one in service.requests("DeleteRoleAssignment")]
    assert sent == [True, True, False]


def test_a_scope_is_created_where_the_flags_say(run: Run, service: StubService) -> None:
    def make(request: CreateScopeRequest) -> Scope:
        return request.scope

    service.answers["CreateScope"] = make

    done = run(
        *("scope", "create", "--tenant-group", "contoso", "--tenant", "hr"),
        *("--display-name", "Human Resources", "-o", "name"),
    )

    assert done.stdout == "/tenantGroups/contoso/tenants/hr\n"
    assert service.requests("CreateScope")[0].scope.display_name == "Human Resources"
    assert run("scope", "create").exit_code == 2


def test_scopes_are_listed_below_the_deployment_unless_said_otherwise(
    run: Run, service: StubService
) -> None:
    service.answers["ListScopes"] = ListScopesResponse(
        scopes=[Scope(name="/tenantGroups/contoso", kind=SCOPE_KIND_TENANT_GROUP)]
    )

    assert "tenant_group" in run("scope", "list").stdout
    run("scope", "list", "--tenant-group", "contoso")

    asked = [one.parent for one in service.requests("ListScopes")]
    assert asked == ["/", "/tenantGroups/contoso"]


def test_a_deleted_scope_is_shown_with_all_that_went_with_it(
    run: Run, service: StubService
) -> None:
    service.answers["GetScope"] = Scope(name="/tenantGroups/g")
    service.answers["ListScopes"] = ListScopesResponse(
        scopes=[Scope(name="/tenantGroups/g/tenants/t")]
    )
    service.answers["DeleteScope"] = Empty()
    words = ("scope", "delete", "--scope", "/tenantGroups/g", "-o", "name")

    assert run(*words).exit_code == 2
    done = run(*words, "--force")

    assert done.stdout.splitlines() == ["/tenantGroups/g", "/tenantGroups/g/tenants/t"]
    (request,) = service.requests("DeleteScope")
    assert (request.name, request.force, request.validate_only) == ("/tenantGroups/g", True, False)


def test_who_may_delete_a_scope_need_not_read_it(run: Run, service: StubService) -> None:
    service.answers["GetScope"] = errors.PermissionDenied("no")
    service.answers["DeleteScope"] = Empty()

    done = run("scope", "delete", "--tenant-group", "g", "--force", "-o", "name")

    assert (done.exit_code, done.stdout) == (0, "/tenantGroups/g\n")
