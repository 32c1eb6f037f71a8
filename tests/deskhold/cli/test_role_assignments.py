"""role-assignment: every parameter set of the source document, windows, delegation, placement."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from deskhold.api.rbac.v1.principals_pb2 import (
    PRINCIPAL_KIND_GROUP,
    PRINCIPAL_KIND_SERVICE_PRINCIPAL,
    PRINCIPAL_KIND_USER,
    Principal,
    PrincipalKind,
)
from deskhold.api.rbac.v1.role_assignments_pb2 import (
    CreateRoleAssignmentRequest,
    ListRoleAssignmentsResponse,
    RoleAssignment,
)
from tests.deskhold.cli.conftest import Run
from tests.deskhold.stub_service import StubService

CREATE = ("role-assignment", "create", "--role-definition-name", "RDS Reader")
BOB = ("--user", "bob@contoso.com", "--infrastructure")

SCOPES = {
    "--deployment": "/",
    "--infrastructure": "/",
    "--infrastructure --diagnostics": "/diagnostics",
    "--tenant-group g": "/tenantGroups/g",
    "--tenant t": "/tenantGroups/default/tenants/t",
    "--tenant-group g --tenant t": "/tenantGroups/g/tenants/t",
    "--tenant t --diagnostics": "/tenantGroups/default/tenants/t/diagnostics",
    "--tenant t --host-pool h": "/tenantGroups/default/tenants/t/collections/h",
    "--tenant t --host-pool h --app-group a": (
        "/tenantGroups/default/tenants/t/collections/h/appGroups/a"
    ),
}
PRINCIPALS = {
    "--sign-in-name a@b.c --aad-tenant-id d": (PRINCIPAL_KIND_USER, "a@b.c", "d"),
    "--user a@b.c": (PRINCIPAL_KIND_USER, "a@b.c", ""),
    "--application-id app": (PRINCIPAL_KIND_SERVICE_PRINCIPAL, "app", ""),
    "--service-principal app --directory d": (PRINCIPAL_KIND_SERVICE_PRINCIPAL, "app", "d"),
    "--group-object-id g1 --aad-tenant-id d": (PRINCIPAL_KIND_GROUP, "g1", "d"),
    "--group g1": (PRINCIPAL_KIND_GROUP, "g1", ""),
}


def created(request: CreateRoleAssignmentRequest) -> RoleAssignment:
    made = RoleAssignment(name="roleAssignments/1", scope=request.scope)
    made.MergeFrom(request.role_assignment)
    return made


def held(scope: str) -> RoleAssignment:
    return RoleAssignment(name="roleAssignments/1", scope=scope, role_display_name="RDS Reader")


@pytest.mark.parametrize("where", SCOPES)
@pytest.mark.parametrize("who", PRINCIPALS)
def test_every_parameter_set_names_its_principal_and_scope(
    who: str, where: str, run: Run, service: StubService
) -> None:
    service.answers["CreateRoleAssignment"] = created
    service.answers["ListRoleAssignments"] = ListRoleAssignmentsResponse()
    kind, own, directory = PRINCIPALS[who]

    assert run(*CREATE, *who.split(), *where.split()).exit_code == 0
    assert run("role-assignment", "list", *who.split(), *where.split()).exit_code == 0

    (made,) = service.requests("CreateRoleAssignment")
    (asked,) = service.requests("ListRoleAssignments")
    principal = Principal(kind=kind, id=own, directory=directory)
    assert (made.scope, made.role_assignment.principal) == (SCOPES[where], principal)
    assert (asked.scope, asked.principal) == (SCOPES[where], principal)


@pytest.mark.parametrize(
    "where",
    [
        "--diagnostics",
        "--diagnostics --tenant-group g",
        "--diagnostics --tenant t --host-pool h",
        "--infrastructure --tenant t",
        "--app-group a",
    ],
)
def test_what_does_not_go_together_is_refused_before_anything_is_sent(
    where: str, run: Run, service: StubService
) -> None:
    done = run(*CREATE, "--user", "a@b.c", *where.split())

    assert done.exit_code == 2
    assert "--diagnostics" in done.stderr or "--infrastructure" in done.stderr or "--app" in where
    assert service.seen == []


def test_a_role_assignment_has_a_window(run: Run, service: StubService) -> None:
    service.answers["CreateRoleAssignment"] = created

    done = run(*CREATE, *BOB, "--from", "2030-01-01T08:00+01:00", "--until", "2030-02-01")

    (request,) = service.requests("CreateRoleAssignment")
    start, end = request.role_assignment.start_time, request.role_assignment.expire_time
    assert start.ToDatetime(UTC) == datetime(2030, 1, 1, 7, tzinfo=UTC)
    assert end.ToDatetime(UTC) == datetime(2030, 2, 1, tzinfo=UTC)
    assert "FROM:       2030-01-01T07:00:00Z" in done.stdout
    assert "UNTIL:      2030-02-01T00:00:00Z" in done.stdout


def test_a_window_may_be_given_by_its_length(run: Run, service: StubService) -> None:
    service.answers["CreateRoleAssignment"] = created

    run(*CREATE, *BOB, "--for", "1d12h", "--from", "2030-01-01")
    run(*CREATE, *BOB, "--for", "8h")

    later, at_once = (one.role_assignment for one in service.requests("CreateRoleAssignment"))
    assert later.expire_time.ToDatetime(UTC) == datetime(2030, 1, 2, 12, tzinfo=UTC)
    assert not at_once.HasField("start_time")
    left = at_once.expire_time.ToDatetime(UTC) - datetime.now(UTC)
    assert timedelta(hours=7, minutes=59) < left <= timedelta(hours=8)


@pytest.mark.parametrize(
    "words",
    [
        ("--for", "8h", "--until", "2030-01-01"),
        ("--for", "0h"),
        ("--for", "8"),
        ("--for", "99999999999d"),
        ("--from", "tomorrow"),
        ("--delegate-kind", "robot"),
    ],
    ids=" ".join,
)
def test_a_window_that_cannot_be_is_refused(
    words: tuple[str, ...], run: Run, service: StubService
) -> None:
    assert run(*CREATE, *BOB, *words).exit_code == 2
    assert service.seen == []


def test_without_window_and_delegation_none_is_sent(run: Run, service: StubService) -> None:
    service.answers["CreateRoleAssignment"] = created

    done = run(*CREATE, *BOB)

    (request,) = service.requests("CreateRoleAssignment")
    for field in ("start_time", "expire_time", "delegation"):
        assert not request.role_assignment.HasField(field)
    assert "UNTIL" not in done.stdout


def test_delegation_is_limited_to_roles_kinds_principals_and_a_duration(
    run: Run, service: StubService
) -> None:
    service.answers["CreateRoleAssignment"] = created

    run(
        *(*CREATE, *BOB, "--delegate-role", "RDS User", "--delegate-role", "RDS Reader"),
        *("--delegate-kind", "user", "--delegate-kind", "service-principal"),
        *("--delegate-to-user", "carol@contoso.com", "--delegate-to-group", "staff"),
        *("--delegate-for", "8h"),
    )

    limits = service.requests("CreateRoleAssignment")[0].role_assignment.delegation
    assert limits.role_definitions == ["RDS User", "RDS Reader"]
    kinds = [PrincipalKind.Name(kind) for kind in limits.principal_kinds]
    assert kinds == ["PRINCIPAL_KIND_USER", "PRINCIPAL_KIND_SERVICE_PRINCIPAL"]
    assert [one.id for one in limits.principals] == ["carol@contoso.com", "staff"]
    assert limits.max_duration.seconds == 8 * 3600


def test_a_list_says_what_is_inherited_here_and_below(run: Run, service: StubService) -> None:
    at, below = "/tenantGroups/g", "/tenantGroups/g/tenants/t"
    service.answers["ListRoleAssignments"] = ListRoleAssignmentsResponse(
        role_assignments=[held("/"), held(at), held(below)]
    )

    done = run("role-assignment", "list", "--tenant-group", "g")

    lines = done.stdout.splitlines()
    for line, word in zip(lines, ["HELD", " inherited ", " here ", " below "], strict=True):
        assert word in line


def test_roles_held_through_groups_are_those_of_a_principal(run: Run, service: StubService) -> None:
    service.answers["ListRoleAssignments"] = ListRoleAssignmentsResponse()

    assert run("role-assignment", "list", "--through-groups").exit_code == 2
    assert run("role-assignment", "list", "--through-groups", "--user", "a@b.c").exit_code == 0

    (request,) = service.requests("ListRoleAssignments")
    assert request.through_groups
