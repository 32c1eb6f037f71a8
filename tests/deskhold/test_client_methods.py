"""Every RPC of the protos has a method on both clients, and it arrives."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from deskhold.api.broker.v1.app_groups_pb2 import Application
from deskhold.api.broker.v1.hosts_pb2 import NewHost
from deskhold.api.rbac.v1.policies_pb2 import Policy
from deskhold.api.rbac.v1.role_definitions_pb2 import Permission
from deskhold.client import AsyncClient, Client
from deskhold.client.rbac.access import question
from deskhold.identities import Principal, PrincipalKind
from tests.deskhold.stub_service import METHODS, StubService

ENG = "tenantGroups/default/tenants/default/collections/eng"
TENANT = "tenantGroups/default/tenants/default"
SESSION = f"{ENG}/hosts/pc-1/sessions/1"
WRITE = "deskhold.resources/hosts/write"
ROLE = "roleDefinitions/x"
SOON = datetime(2026, 12, 1, tzinfo=UTC)
ALICE = Principal(PrincipalKind.USER, "alice@contoso.com")
STREAMS = {name for name, method in METHODS.items() if method.server_streaming}

# One call of every method, as a user would write it.
CALLS: dict[str, Callable[[Any], Any]] = {
    "CreateCollection": lambda one: one.create_collection(TENANT, "eng", type="personal"),
    "GetCollection": lambda one: one.get_collection(ENG),
    "ListCollections": lambda one: one.list_collections(TENANT),
    "UpdateCollection": lambda one: one.update_collection(ENG, description="x"),
    "DeleteCollection": lambda one: one.delete_collection(ENG),
    "CreateAppGroup": lambda one: one.create_app_group(ENG, "office", type="remote_app"),
    "GetAppGroup": lambda one: one.get_app_group(f"{ENG}/appGroups/office"),
    "ListAppGroups": lambda one: one.list_app_groups(ENG),
    "UpdateAppGroup": lambda one: one.update_app_group(
        f"{ENG}/appGroups/office", applications=[Application(application_id="word")]
    ),
    "DeleteAppGroup": lambda one: one.delete_app_group(f"{ENG}/appGroups/office"),
    "BatchCreateHosts": lambda one: one.add_hosts(ENG, ["pc-1", NewHost(host_id="pc-2")]),
    "GetHost": lambda one: one.get_host(f"{ENG}/hosts/pc-1"),
    "ListHosts": lambda one: one.list_hosts(ENG),
    "UpdateHost": lambda one: one.update_host(f"{ENG}/hosts/pc-1", port=3390),
    "BatchUpdateHosts": lambda one: one.update_hosts(ENG, ["pc-1"], relative_weight=50),
    "MoveHosts": lambda one: one.move_hosts(ENG, ["pc-1"], f"{TENANT}/collections/lab"),
    "ReportHosts": lambda one: one.report_hosts(ENG, []),
    "BatchDeleteHosts": lambda one: one.remove_hosts(ENG, ["pc-1"]),
    "SetAssignment": lambda one: one.set_assignment(ENG, user="a@b.c", host_id="pc-1"),
    "RemoveAssignment": lambda one: one.remove_assignment(ENG, user="a@b.c"),
    "ListAssignments": lambda one: one.list_assignments(ENG),
    "SwapAssignments": lambda one: one.swap_assignments(ENG, "pc-1", "pc-2"),
    "MoveAssignment": lambda one: one.move_assignment(
        ENG, host_id="pc-1", destination_host_id="pc-2"
    ),
    "ReserveHost": lambda one: one.reserve_host(ENG, host_id="pc-1", user="a@b.c", until=SOON),
    "CancelReservation": lambda one: one.cancel_reservation(ENG, host_id="pc-1"),
    "ConfirmRelease": lambda one: one.confirm_release(ENG, ["pc-1"]),
    "ListAssignmentPeriods": lambda one: one.list_assignment_periods(ENG, at=SOON),
    "ImportAssignments": lambda one: one.import_assignments(ENG, b"pc-1,a@b.c\n"),
    "ExportAssignments": lambda one: one.export_assignments(ENG),
    "Connect": lambda one: one.connect(ENG),
    "CompareScopes": lambda one: one.compare_scopes(),
    "RepairScopes": lambda one: one.repair_scopes("/", validate_only=True),
    "ListActivities": lambda one: one.list_activities("diagnostics", user="a@b.c"),
    "broker's Watch": lambda one: one.watch_resources(TENANT, kinds=["host"]),
    "GetSession": lambda one: one.get_session(SESSION),
    "ListSessions": lambda one: one.list_sessions(ENG, user="a@b.c"),
    "DisconnectSession": lambda one: one.disconnect_session(SESSION),
    "LogOffSession": lambda one: one.log_off_session(SESSION),
    "SendSessionMessage": lambda one: one.send_session_message(SESSION, title="t", body="b"),
    "GetSessionCommand": lambda one: one.get_session_command(f"{ENG}/hosts/pc-1/commands/c"),
    "ResolveRoutingToken": lambda one: one.resolve_routing_token(TENANT, "dh2.x"),
    "GetPublisher": lambda one: one.get_publisher("/"),
    "CheckAccess": lambda one: one.check_access(WRITE, "/"),
    "BatchCheckAccess": lambda one: one.batch_check_access([]),
    "ExplainAccess": lambda one: one.explain_access(WRITE, "/", principal=ALICE),
    "TestPermissions": lambda one: one.test_permissions("/", [WRITE]),
    "ListAccessibleScopes": lambda one: one.list_accessible_scopes(WRITE),
    "ListPrincipalsWithAccess": lambda one: one.list_principals_with_access(WRITE, "/"),
    "ListEffectivePermissions": lambda one: one.list_effective_permissions("/"),
    "WhatIf": lambda one: one.what_if([], [question(WRITE, "/")]),
    "WhoAmI": lambda one: one.who_am_i(),
    "GetRoleDefinition": lambda one: one.get_role_definition(ROLE),
    "ListRoleDefinitions": lambda one: one.list_role_definitions(scope="/"),
    "CreateRoleDefinition": lambda one: one.create_role_definition(
        "Host Keeper", [Permission(actions=["*/read"])], ["/"]
    ),
    "UpdateRoleDefinition": lambda one: one.update_role_definition(ROLE, description="x"),
    "DeleteRoleDefinition": lambda one: one.delete_role_definition(ROLE),
    "UndeleteRoleDefinition": lambda one: one.undelete_role_definition(ROLE),
    "ListRoleDefinitionVersions": lambda one: one.list_role_definition_versions(ROLE),
    "ListActions": lambda one: one.list_actions(),
    "ListGrantableRoles": lambda one: one.list_grantable_roles("/"),
    "LintPolicy": lambda one: one.lint_policy(),
    "CreateRoleAssignment": lambda one: one.create_role_assignment("/", ALICE, "RDS Owner"),
    "GetRoleAssignment": lambda one: one.get_role_assignment("roleAssignments/x"),
    "ListRoleAssignments": lambda one: one.list_role_assignments("/", principal=ALICE),
    "DeleteRoleAssignment": lambda one: one.delete_role_assignment("roleAssignments/x"),
    "CreateGroup": lambda one: one.create_group("staff", display_name="Staff"),
    "GetGroup": lambda one: one.get_group("groups/staff"),
    "ListGroups": lambda one: one.list_groups(),
    "DeleteGroup": lambda one: one.delete_group("groups/staff"),
    "AddGroupMember": lambda one: one.add_group_member("groups/staff", ALICE),
    "RemoveGroupMember": lambda one: one.remove_group_member("groups/staff", ALICE),
    "ListGroupMembers": lambda one: one.list_group_members("groups/staff"),
    "CreateScope": lambda one: one.create_scope("/tenantGroups/contoso"),
    "GetScope": lambda one: one.get_scope("/tenantGroups/contoso"),
    "ListScopes": lambda one: one.list_scopes("/"),
    "DeleteScope": lambda one: one.delete_scope("/tenantGroups/contoso"),
    "ExportPolicy": lambda one: one.export_policy(),
    "ImportPolicy": lambda one: one.import_policy(Policy(), replace=True),
    "ListLogEntries": lambda one: one.list_log_entries(after_revision=1),
    "VerifyLog": lambda one: one.verify_log(),
    "ListDecisions": lambda one: one.list_decisions(denied_only=True),
    "Watch": lambda one: one.watch(from_now=True),
}


@pytest.fixture
def client(service: StubService) -> Client:
    return Client(broker=service.endpoint, rbac=service.endpoint)


def empty_answer(method: str) -> Any:
    return METHODS[method].output_type._concrete_class()


def test_every_rpc_of_the_protos_has_a_method() -> None:
    assert set(CALLS) == set(METHODS)


@pytest.mark.parametrize("method", sorted(set(CALLS) - STREAMS))
def test_the_blocking_client_reaches(method: str, service: StubService, client: Client) -> None:
    service.answers[method] = empty_answer(method)

    with client:
        answer = CALLS[method](client)
        if inspect.isgenerator(answer):
            assert list(answer) == []
        else:
            assert answer == empty_answer(method)

    assert [one.method for one in service.seen] == [method]


@pytest.mark.parametrize("method", sorted(set(CALLS) - STREAMS))
async def test_the_asyncio_client_reaches(method: str, service: StubService) -> None:
    service.answers[method] = empty_answer(method)

    async with AsyncClient(broker=service.endpoint, rbac=service.endpoint) as client:
        answer = CALLS[method](client)
        if inspect.isasyncgen(answer):
            assert [item async for item in answer] == []
        else:
            assert await answer == empty_answer(method)

    assert [one.method for one in service.seen] == [method]
