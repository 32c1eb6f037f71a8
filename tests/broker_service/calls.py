"""Every RPC of the broker, as a call on the collection `eng` of `conftest.py`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from deskhold.api.broker.v1.agents_pb2 import HostReport, ReportedSession
from deskhold.api.broker.v1.hosts_pb2 import (
    HEALTH_CHECK_RESULT_FAILED,
    NEW_CONNECTIONS_NO,
    HealthCheck,
)
from deskhold.api.broker.v1.sessions_pb2 import SESSION_STATE_ACTIVE
from deskhold.client import Client
from deskhold.client.broker import (
    agents,
    app_groups,
    assignments,
    collections,
    diagnostics,
    hosts,
    registration,
    sessions,
)
from deskhold.client.calls import Call
from tests.broker_service.pair import OWNER, Eng, Pair

Build = Callable[..., Call[Any]]

BOB = "bob@contoso.com"
TOMORROW = datetime.now(UTC) + timedelta(days=1)
FILE = b"pc-2,CONTOSO\\bob\npc-3,carol@contoso.com\n"


@contextmanager
def in_use(owner: Client, eng: Eng) -> Iterator[Eng]:
    """Let an agent report a session on pc-1, and a collection `spare` stand beside `eng`.

    In the end the agent says that the host is broken: what is unavailable already, the monitor
    leaves alone while other tests look at the store.
    """
    owner.create_collection(eng.tenant, "spare", type="personal")
    visit = ReportedSession(session_id=1, user=BOB, state=SESSION_STATE_ACTIVE)
    owner.report_hosts(eng.name, [HostReport(host_id="pc-1", boot_id="b1", sessions=[visit])])
    yield eng
    if any(one.name == eng.name for one in owner.list_collections(eng.tenant)):
        owner.report_hosts(eng.name, [broken("pc-1")])


def broken(host_id: str) -> HostReport:
    check = HealthCheck(check="Listener", result=HEALTH_CHECK_RESULT_FAILED)
    return HostReport(host_id=host_id, boot_id="b1", health_checks=[check])


def report(eng: Eng) -> Call[Any]:
    """Report a host, which changes something too."""
    return agents.report_hosts(eng.name, [broken("pc-2")])


def visit(eng: Eng) -> str:
    return f"{eng.name}/hosts/pc-1/sessions/1"


# Each changes something when it is allowed; they take a request id and validate_only besides.
MUTATIONS: dict[str, Build] = {
    "CreateCollection": lambda eng, **rest: collections.create_collection(
        eng.tenant, "lab", type="personal", host_ids=["lab-1"], **rest
    ),
    "UpdateCollection": lambda eng, **rest: collections.update_collection(
        eng.name, description="changed", idle_session_limit_minutes=30, **rest
    ),
    "DeleteCollection": lambda eng, **rest: collections.delete_collection(
        eng.name, force=True, **rest
    ),
    "CreateAppGroup": lambda eng, **rest: app_groups.create_app_group(
        eng.name, "tools", type="remote_app", **rest
    ),
    "UpdateAppGroup": lambda eng, **rest: app_groups.update_app_group(
        f"{eng.name}/appGroups/erp", description="changed", **rest
    ),
    "DeleteAppGroup": lambda eng, **rest: app_groups.delete_app_group(
        f"{eng.name}/appGroups/erp", **rest
    ),
    "BatchCreateHosts": lambda eng, **rest: hosts.add_hosts(eng.name, ["pc-4"], **rest),
    "UpdateHost": lambda eng, **rest: hosts.update_host(
        f"{eng.name}/hosts/pc-2", friendly_name="Lab", **rest
    ),
    "BatchUpdateHosts": lambda eng, **rest: hosts.update_hosts(
        eng.name, ["pc-2", "pc-3"], new_connections=NEW_CONNECTIONS_NO, **rest
    ),
    "MoveHosts": lambda eng, **rest: hosts.move_hosts(
        eng.name, ["pc-2"], f"{eng.tenant}/collections/spare", **rest
    ),
    "BatchDeleteHosts": lambda eng, **rest: hosts.remove_hosts(
        eng.name, ["pc-1"], force=True, **rest
    ),
    "SetAssignment": lambda eng, **rest: assignments.set_assignment(
        eng.name, user=BOB, host_id="pc-1", force=True, **rest
    ),
    "RemoveAssignment": lambda eng, **rest: assignments.remove_assignment(
        eng.name, user="alice@contoso.com", **rest
    ),
    "SwapAssignments": lambda eng, **rest: assignments.swap_assignments(
        eng.name, "pc-1", "pc-2", **rest
    ),
    "MoveAssignment": lambda eng, **rest: assignments.move_assignment(
        eng.name, host_id="pc-1", destination_host_id="pc-2", **rest
    ),
    "ReserveHost": lambda eng, **rest: assignments.reserve_host(
        eng.name, host_id="pc-2", user=BOB, until=TOMORROW, **rest
    ),
    "CancelReservation": lambda eng, **rest: assignments.cancel_reservation(
        eng.name, host_id="pc-2", **rest
    ),
    "ConfirmRelease": lambda eng, **rest: assignments.confirm_release(eng.name, ["pc-2"], **rest),
    "ImportAssignments": lambda eng, **rest: assignments.import_assignments(eng.name, FILE, **rest),
    "ImportAssignments with replace": lambda eng, **rest: assignments.import_assignments(
        eng.name, FILE, replace=True, **rest
    ),
    "DisconnectSession": lambda eng, **rest: sessions.disconnect_session(visit(eng), **rest),
    "LogOffSession": lambda eng, **rest: sessions.log_off_session(visit(eng), **rest),
    "SendSessionMessage": lambda eng, **rest: sessions.send_session_message(
        visit(eng), title="Tonight", body="We update at ten.", **rest
    ),
}


def connect(eng: Eng) -> Call[Any]:
    """Connect, which claims a host, and so changes something too."""
    return sessions.connect(eng.name)


EVERYTHING: dict[str, Build] = {**MUTATIONS, "Connect": connect, "ReportHosts": report}
READS: dict[str, Build] = {
    "GetCollection": lambda eng: collections.get_collection(eng.name),
    "ListCollections": lambda eng: collections.list_collections(eng.tenant).first,
    "GetAppGroup": lambda eng: app_groups.get_app_group(f"{eng.name}/appGroups/erp"),
    "ListAppGroups": lambda eng: app_groups.list_app_groups(eng.name).first,
    "GetHost": lambda eng: hosts.get_host(f"{eng.name}/hosts/pc-1"),
    "ListHosts": lambda eng: hosts.list_hosts(eng.name).first,
    "GetSession": lambda eng: sessions.get_session(visit(eng)),
    "ListSessions": lambda eng: sessions.list_sessions(eng.name).first,
    "GetSessionCommand": lambda eng: sessions.get_session_command(
        f"{eng.name}/hosts/pc-1/commands/none"
    ),
    "ListAssignments": lambda eng: assignments.list_assignments(eng.name).first,
    "ListAssignmentPeriods": lambda eng: assignments.list_assignment_periods(eng.name).first,
    "ResolveRoutingToken": lambda eng: sessions.resolve_routing_token(eng.tenant, "dh2.x"),
    "GetPublisher": lambda eng: sessions.get_publisher(f"/{eng.tenant}"),
    "ExportAssignments": lambda eng: assignments.export_assignments(eng.name),
    "ListActivities": lambda eng: diagnostics.list_activities(f"{eng.tenant}/diagnostics").first,
    "CompareScopes": lambda eng: registration.compare_scopes(f"/{eng.tenant}"),
    # It changes nothing here: what it repairs is at the authority.
    "RepairScopes": lambda eng: registration.repair_scopes(f"/{eng.tenant}"),
}

# What must be so in `eng` before a call can change something.
PREPARATIONS: dict[str, Callable[[Pair, Eng], object]] = {
    "SwapAssignments": lambda pair, eng: pair.client(OWNER).set_assignment(
        eng.name, user=BOB, host_id="pc-2"
    ),
    "CancelReservation": lambda pair, eng: pair.client(OWNER).reserve_host(
        eng.name, host_id="pc-2", user=BOB, until=TOMORROW
    ),
    "ConfirmRelease": lambda pair, eng: pair.quarantine(eng, "pc-2"),
}
