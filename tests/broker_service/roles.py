"""Which role may do what and where, as the documents say; and how each RPC is tried."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Any

from deskhold.api.broker.v1 import (
    agents_pb2,
    app_groups_pb2,
    assignments_pb2,
    collections_pb2,
    diagnostics_pb2,
    hosts_pb2,
    registration_pb2,
    sessions_pb2,
    watch_pb2,
)
from deskhold.client import Client
from deskhold.client.broker import (
    app_groups,
    assignments,
    collections,
    diagnostics,
    hosts,
    registration,
    sessions,
    watch,
)
from deskhold.client.calls import Call, Listing, Stream, method_of
from deskhold.errors import DeskholdError, InvalidArgument, NotFound, PermissionDenied
from tests.broker_service.calls import TOMORROW, report, visit
from tests.broker_service.pair import Eng, Once

ROLES = (
    "RDS Owner",
    "RDS Contributor",
    "RDS Reader",
    "RDS Operator",
    "RDS User",
    "RDS Host Operator",
    "RDS Session Operator",
    "RDS Host Agent",
    "RDS Gateway",
    "Access Administrator",
    "Policy Enforcement Point",
)
# In the order of the roles: x may, - may not.
MAY = {
    "CollectionService/CreateCollection": "x x - - - - - - - - -",
    "CollectionService/GetCollection": "x x x - - x x - - - -",
    "CollectionService/ListCollections": "x x x - - x x - - - -",
    "CollectionService/UpdateCollection": "x x - - - - - - - - -",
    "CollectionService/DeleteCollection": "x x - - - - - - - - -",
    "AppGroupService/CreateAppGroup": "x x - - - - - - - - -",
    "AppGroupService/GetAppGroup": "x x x - - - - - - - -",
    "AppGroupService/ListAppGroups": "x x x - - - - - - - -",
    "AppGroupService/UpdateAppGroup": "x x - - - - - - - - -",
    "AppGroupService/DeleteAppGroup": "x x - - - - - - - - -",
    "HostService/BatchCreateHosts": "x x - - - x - - - - -",
    "HostService/GetHost": "x x x - - x x - - - -",
    "HostService/ListHosts": "x x x - - x x - - - -",
    "HostService/UpdateHost": "x x - - - x - - - - -",
    "HostService/BatchUpdateHosts": "x x - - - x - - - - -",
    "HostService/MoveHosts": "x x - - - x - - - - -",
    "HostService/BatchDeleteHosts": "x x - - - x - - - - -",
    "AgentService/ReportHosts": "x x - - - - - x - - -",
    "AssignmentService/SetAssignment": "x x - - - - - - - - -",
    "AssignmentService/RemoveAssignment": "x x - - - - - - - - -",
    "AssignmentService/ListAssignments": "x x x - - x x - - - -",
    "AssignmentService/SwapAssignments": "x x - - - - - - - - -",
    "AssignmentService/MoveAssignment": "x x - - - - - - - - -",
    "AssignmentService/ReserveHost": "x x - - - - - - - - -",
    "AssignmentService/CancelReservation": "x x - - - - - - - - -",
    "AssignmentService/ConfirmRelease": "x x - - - - - - - - -",
    "AssignmentService/ListAssignmentPeriods": "x x x - - x x - - - -",
    "AssignmentService/ImportAssignments": "x x - - - - - - - - -",
    "AssignmentService/ExportAssignments": "x x x - - x x - - - -",
    "SessionService/Connect": "x x - - x - - - - - -",
    "SessionService/ResolveRoutingToken": "x x - - - - - - x - -",
    "SessionService/GetPublisher": "x x x - - - - - - - -",
    "SessionService/GetSession": "x x x - - - x - - - -",
    "SessionService/ListSessions": "x x x - - - x - - - -",
    "SessionService/DisconnectSession": "x x - - - - x - - - -",
    "SessionService/LogOffSession": "x x - - - - x - - - -",
    "SessionService/SendSessionMessage": "x x - - - - x - - - -",
    "SessionService/GetSessionCommand": "x x x - - - x - - - -",
    "RegistrationService/CompareScopes": "x x x - - - - - - - -",
    "RegistrationService/RepairScopes": "x x - - - - - - - - -",
    "DiagnosticsService/ListActivities": "x x x x - - - - - - -",
    "WatchService/Watch": "x x x - - - - - - - -",
}
# Nothing of it changes anything, so that who may does no harm.
TRIED: dict[str, Callable[[Eng], Call[Any] | Listing[Any] | Stream[Any]]] = {
    "CollectionService/CreateCollection": lambda eng: collections.create_collection(
        eng.tenant, "lab", type="personal", validate_only=True
    ),
    "CollectionService/GetCollection": lambda eng: collections.get_collection(eng.name),
    "CollectionService/ListCollections": lambda eng: collections.list_collections(eng.tenant),
    "CollectionService/UpdateCollection": lambda eng: collections.update_collection(
        eng.name, description="x", validate_only=True
    ),
    "CollectionService/DeleteCollection": lambda eng: collections.delete_collection(
        eng.name, force=True, validate_only=True
    ),
    "AppGroupService/CreateAppGroup": lambda eng: app_groups.create_app_group(
        eng.name, "tools", type="desktop", validate_only=True
    ),
    "AppGroupService/GetAppGroup": lambda eng: app_groups.get_app_group(
        f"{eng.name}/appGroups/erp"
    ),
    "AppGroupService/ListAppGroups": lambda eng: app_groups.list_app_groups(eng.name),
    "AppGroupService/UpdateAppGroup": lambda eng: app_groups.update_app_group(
        f"{eng.name}/appGroups/erp", description="x", validate_only=True
    ),
    "AppGroupService/DeleteAppGroup": lambda eng: app_groups.delete_app_group(
        f"{eng.name}/appGroups/erp", validate_only=True
    ),
    "HostService/BatchCreateHosts": lambda eng: hosts.add_hosts(
        eng.name, ["pc-9"], validate_only=True
    ),
    "HostService/GetHost": lambda eng: hosts.get_host(f"{eng.name}/hosts/pc-1"),
    "HostService/ListHosts": lambda eng: hosts.list_hosts(eng.name),
    "HostService/UpdateHost": lambda eng: hosts.update_host(
        f"{eng.name}/hosts/pc-2", port=3390, validate_only=True
    ),
    "HostService/BatchUpdateHosts": lambda eng: hosts.update_hosts(
        eng.name, ["pc-2"], session_limit=3, validate_only=True
    ),
    "HostService/MoveHosts": lambda eng: hosts.move_hosts(
        eng.name, ["pc-2"], f"{eng.tenant}/collections/spare", validate_only=True
    ),
    "AgentService/ReportHosts": report,
    "HostService/BatchDeleteHosts": lambda eng: hosts.remove_hosts(
        eng.name, ["pc-2"], validate_only=True
    ),
    "AssignmentService/SetAssignment": lambda eng: assignments.set_assignment(
        eng.name, user="bob@contoso.com", host_id="pc-2", validate_only=True
    ),
    "AssignmentService/RemoveAssignment": lambda eng: assignments.remove_assignment(
        eng.name, host_id="pc-1", validate_only=True
    ),
    "AssignmentService/ListAssignments": lambda eng: assignments.list_assignments(eng.name),
    "AssignmentService/SwapAssignments": lambda eng: assignments.swap_assignments(
        eng.name, "pc-1", "pc-2", validate_only=True
    ),
    "AssignmentService/MoveAssignment": lambda eng: assignments.move_assignment(
        eng.name, host_id="pc-1", destination_host_id="pc-2", validate_only=True
    ),
    "AssignmentService/ReserveHost": lambda eng: assignments.reserve_host(
        eng.name, host_id="pc-2", user="bob@contoso.com", until=TOMORROW, validate_only=True
    ),
    "AssignmentService/CancelReservation": lambda eng: assignments.cancel_reservation(
        eng.name, host_id="pc-2", validate_only=True
    ),
    "AssignmentService/ConfirmRelease": lambda eng: assignments.confirm_release(
        eng.name, ["pc-2"], validate_only=True
    ),
    "AssignmentService/ListAssignmentPeriods": lambda eng: assignments.list_assignment_periods(
        eng.name
    ),
    "AssignmentService/ImportAssignments": lambda eng: assignments.import_assignments(
        eng.name, b"pc-2,bob@contoso.com\n", validate_only=True
    ),
    "AssignmentService/ExportAssignments": lambda eng: assignments.export_assignments(eng.name),
    "SessionService/Connect": lambda eng: sessions.connect(eng.name),
    "SessionService/ResolveRoutingToken": lambda eng: sessions.resolve_routing_token(
        eng.tenant, "dh2.not-one-of-ours"
    ),
    "SessionService/GetPublisher": lambda eng: sessions.get_publisher(f"/{eng.tenant}"),
    "SessionService/GetSession": lambda eng: sessions.get_session(visit(eng)),
    "SessionService/ListSessions": lambda eng: sessions.list_sessions(eng.name),
    "SessionService/DisconnectSession": lambda eng: sessions.disconnect_session(
        visit(eng), validate_only=True
    ),
    "SessionService/LogOffSession": lambda eng: sessions.log_off_session(
        visit(eng), validate_only=True
    ),
    "SessionService/SendSessionMessage": lambda eng: sessions.send_session_message(
        visit(eng), title="Tonight", body="We update.", validate_only=True
    ),
    "SessionService/GetSessionCommand": lambda eng: sessions.get_session_command(
        f"{eng.name}/hosts/pc-1/commands/none"
    ),
    "RegistrationService/CompareScopes": lambda eng: registration.compare_scopes(f"/{eng.tenant}"),
    "RegistrationService/RepairScopes": lambda eng: registration.repair_scopes(
        f"/{eng.tenant}", validate_only=True
    ),
    "DiagnosticsService/ListActivities": lambda eng: diagnostics.list_activities(
        f"{eng.tenant}/diagnostics"
    ),
    "WatchService/Watch": lambda eng: watch.watch_resources(eng.tenant),
}
# Where the right is needed, as far as it is not at the collection itself.
PLACES = {
    **dict.fromkeys(MAY, "collection"),
    "CollectionService/CreateCollection": "tenant",
    "CollectionService/ListCollections": "tenant",
    "AppGroupService/GetAppGroup": "erp",
    "AppGroupService/UpdateAppGroup": "erp",
    "AppGroupService/DeleteAppGroup": "erp",
    # Where hosts go to is another collection.
    "HostService/MoveHosts": "tenant",
    "SessionService/Connect": "desktop",
    "SessionService/ResolveRoutingToken": "tenant",
    "SessionService/GetPublisher": "tenant",
    "RegistrationService/CompareScopes": "tenant",
    "RegistrationService/RepairScopes": "tenant",
    "DiagnosticsService/ListActivities": "tenant's diagnostics",
    "WatchService/Watch": "tenant",
}
_WITHIN = ("collection", "desktop", "erp")
# What a role reaches from where it is assigned.
REACHED = {
    "deployment": {"tenant", "tenant's diagnostics", *_WITHIN},
    "tenant group": {"tenant", "tenant's diagnostics", *_WITHIN},
    "tenant": {"tenant", "tenant's diagnostics", *_WITHIN},
    "collection": set(_WITHIN),
    "erp": {"erp"},
    "tenant's diagnostics": {"tenant's diagnostics"},
    "diagnostics": set(),
}


def scope_of(level: str, eng: Eng) -> str:
    """Return the scope of a level, as roles are assigned at it."""
    return {
        "deployment": "/",
        "tenant group": "/" + eng.tenant.rpartition("/tenants/")[0],
        "tenant": f"/{eng.tenant}",
        "collection": f"/{eng.name}",
        "erp": f"/{eng.name}/appGroups/erp",
        "tenant's diagnostics": f"/{eng.tenant}/diagnostics",
        "diagnostics": "/diagnostics",
    }[level]


FILES = (
    agents_pb2,
    app_groups_pb2,
    assignments_pb2,
    collections_pb2,
    hosts_pb2,
    registration_pb2,
    sessions_pb2,
    diagnostics_pb2,
    watch_pb2,
)
RPCS = {
    f"{service.name}/{method.name}"
    for file in FILES
    for service in file.DESCRIPTOR.services_by_name.values()
    for method in service.methods
}


def may(client: Client, rpc: str, eng: Eng) -> bool:
    """Try an RPC once; say whether it was let through."""
    tried = TRIED[rpc](eng)
    call = tried.first if isinstance(tried, Listing) else tried
    request = call.first if isinstance(call, Stream) else call.request
    assert method_of(request).path.endswith(f".{rpc}")
    try:
        if isinstance(call, Stream):
            next(client.follow(call))
        else:
            client.send(call)
    except PermissionDenied:
        return False
    except NotFound:  # let through, and then there was nothing to swap or to cancel
        return True
    except InvalidArgument as error:
        # Whoever is told what is wrong with a token was let through.
        assert error.reason == "ROUTING_TOKEN_INVALID"
    return True


async def all_that_may(client: Once, eng: Eng) -> set[str]:
    """Try every RPC, all at the same moment; return those that were let through."""
    calls = {rpc: TRIED[rpc](eng) for rpc in MAY}
    came = await asyncio.gather(*map(partial(_tried, client), calls.values()))
    return {rpc for rpc, was_let_through in zip(calls, came, strict=True) if was_let_through}


async def _tried(client: Once, tried: Call[Any] | Listing[Any] | Stream[Any]) -> bool:
    try:
        if isinstance(tried, Stream):
            async for _ in client.follow(tried):
                break
        else:
            await client.send(tried.first if isinstance(tried, Listing) else tried)
    except DeskholdError as error:
        return not isinstance(error, PermissionDenied)
    return True
