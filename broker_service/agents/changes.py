"""Writing down what is different about hosts, by their agents' reports."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, bindparam, delete, insert, select, update

from broker_service.agents.rules import (
    HostReport,
    Known,
    SessionChanges,
)
from broker_service.agents.states import HostState, stored
from broker_service.changes.rules import Changed, ResourceKind
from broker_service.changes.store import note
from broker_service.collections.rules import Collection
from broker_service.hosts.amendments import recount
from broker_service.hosts.rules import NewConnections
from broker_service.sessions.records import expire_commands
from broker_service.sessions.reported import CommandState
from broker_service.tables import host_reports, hosts, session_commands, sessions, sign_ins

_REPORT_COLUMNS = (
    "status",
    "boot_id",
    "agent_version",
    "health_checks",
    "administrators",
    "administrator_keys",
)
_INSERT_REPORT = insert(host_reports)
_UPDATE_REPORT = (
    update(host_reports)
    .where(host_reports.c.host == bindparam("of_host"))
    .values(
        heartbeat_us=bindparam("now_us"),
        **{column: bindparam(f"new_{column}") for column in _REPORT_COLUMNS},
    )
)
_DRAINED = (
    update(hosts)
    .where(hosts.c.id == bindparam("of_host"))
    .values(drained_boot_id=bindparam("new_boot_id"))
)
# The only thing that an agent changes of what administrators decide, and so a new version.
_STARTED_AGAIN = (
    update(hosts)
    .where(hosts.c.id == bindparam("of_host"))
    .values(
        new_connections=NewConnections.YES.value, drained_boot_id="", version=hosts.c.version + 1
    )
)
_OF_SESSION = (
    sessions.c.host == bindparam("of_host"),
    sessions.c.session_id == bindparam("of_session"),
)
_SESSION_COLUMNS = (
    "user",
    "user_key",
    "state",
    "created_us",
    "disconnected_us",
    "idle_us",
    "client_name",
    "client_address",
    "application_id",
    "reported_us",
)
_INSERT_SESSION = insert(sessions)
_UPDATE_SESSION = (
    update(sessions)
    .where(*_OF_SESSION)
    .values({column: bindparam(f"new_{column}") for column in _SESSION_COLUMNS})
)
_DELETE_SESSION = delete(sessions).where(*_OF_SESSION)
_END_COMMAND = (
    update(session_commands)
    .where(
        session_commands.c.command_id == bindparam("of_command"),
        session_commands.c.host == bindparam("of_host"),
        session_commands.c.state == CommandState.PENDING.value,
    )
    .values(
        state=bindparam("new_state"), result=bindparam("new_result"), ended_us=bindparam("now_us")
    )
)
_ARRIVED = delete(sign_ins).where(
    sign_ins.c.collection_id == bindparam("of_collection"),
    sign_ins.c.user_key == bindparam("of_user"),
)


def apply(
    connection: Connection,
    collection: Collection,
    reported: Sequence[tuple[HostState, HostReport]],
    now_us: int,
) -> None:
    """Write down reports that are news, and note what others may see of it; hosts are locked."""
    changes = {state.id: state.compared(report, now_us) for state, report in reported}
    _write_reports(connection, reported, now_us)
    _write_drains(connection, reported)
    _write_sessions(connection, collection, changes, now_us)
    _end_commands(connection, reported, now_us)
    expire_commands(
        connection,
        [(host, number) for host, one in changes.items() for number in one.ended],
        now_us,
    )
    arrived = _arrived(connection, reported)
    if arrived:
        connection.execute(
            _ARRIVED,
            [{"of_collection": collection.id, "of_user": user_key} for _, user_key in arrived],
        )
    recount(connection, sorted(changes))
    hosts_arrived_at = {host for host, _ in arrived}
    note(
        connection,
        _noted(collection, reported, changes, hosts_arrived_at, now_us),
    )


def _write_reports(
    connection: Connection, reported: Sequence[tuple[HostState, HostReport]], now_us: int
) -> None:
    new, old = [], []
    for state, report in reported:
        values = dict(zip(_REPORT_COLUMNS, stored(report), strict=True))
        if state.report is None:
            new.append({"host": state.id, "heartbeat_us": now_us, **values})
        else:
            renamed = {f"new_{column}": value for column, value in values.items()}
            old.append({"of_host": state.id, "now_us": now_us, **renamed})
    if new:
        connection.execute(_INSERT_REPORT, new)
    if old:
        connection.execute(_UPDATE_REPORT, old)


def _write_drains(connection: Connection, reported: Sequence[tuple[HostState, HostReport]]) -> None:
    drained, started = [], []
    for state, report in reported:
        takes, boot_id = state.drain(report)
        if takes is not state.new_connections:
            started.append({"of_host": state.id})
        elif boot_id != state.drained_boot_id:
            drained.append({"of_host": state.id, "new_boot_id": boot_id})
    if drained:
        connection.execute(_DRAINED, drained)
    if started:
        connection.execute(_STARTED_AGAIN, started)


def _write_sessions(
    connection: Connection,
    collection: Collection,
    changes: Mapping[int, SessionChanges],
    now_us: int,
) -> None:
    new = [
        {
            "host": host,
            "session_id": known.seen.session_id,
            "collection_id": collection.id,
            **_session_values(known, now_us),
        }
        for host, one in changes.items()
        for known in one.new
    ]
    changed = [
        {
            "of_host": host,
            "of_session": known.seen.session_id,
            **{f"new_{name}": value for name, value in _session_values(known, now_us).items()},
        }
        for host, one in changes.items()
        for known in (*one.changed, *one.idle)
    ]
    gone = [
        {"of_host": host, "of_session": number}
        for host, one in changes.items()
        for number in one.gone
    ]
    if gone:
        connection.execute(_DELETE_SESSION, gone)
    if changed:
        connection.execute(_UPDATE_SESSION, changed)
    if new:
        connection.execute(_INSERT_SESSION, new)


def _session_values(known: Known, now_us: int) -> dict[str, Any]:
    seen = known.seen
    return {
        "user": seen.user,
        "user_key": seen.user_key,
        "state": seen.state.value,
        "created_us": seen.created_us,
        "disconnected_us": known.disconnected_us,
        "idle_us": seen.idle_us,
        "client_name": seen.client_name,
        "client_address": seen.client_address,
        "application_id": seen.application_id,
        "reported_us": now_us,
    }


def _end_commands(
    connection: Connection, reported: Iterable[tuple[HostState, HostReport]], now_us: int
) -> None:
    ended = [
        {
            "of_command": result.command_id,
            "of_host": state.id,
            "new_state": (CommandState.DONE if result.is_done else CommandState.FAILED).value,
            "new_result": result.message,
            "now_us": now_us,
        }
        for state, report in reported
        for result in report.results
    ]
    if ended:
        connection.execute(_END_COMMAND, ended)


def _arrived(
    connection: Connection, reported: Iterable[tuple[HostState, HostReport]]
) -> list[tuple[int, str]]:
    """Return (host, user) of those who were sent to a host and have a session there by now."""
    there = {
        (state.id, seen.user_key)
        for state, report in reported
        if state.sign_in_count
        for seen in report.sessions
    }
    if not there:
        return []
    query = select(sign_ins.c.host, sign_ins.c.user_key).where(
        sign_ins.c.host.in_(sorted({host for host, _ in there}))
    )
    rows = connection.execute(query)
    return [(row.host, row.user_key) for row in rows if (row.host, row.user_key) in there]


def _noted(
    collection: Collection,
    reported: Sequence[tuple[HostState, HostReport]],
    changes: Mapping[int, SessionChanges],
    arrived: set[int],
    now_us: int,
) -> Iterable[Changed]:
    for state, report in reported:
        name = f"{collection.name}/hosts/{state.host_id}"
        one = changes[state.id]
        takes, _ = state.drain(report)
        if (
            state.report != stored(report)
            or takes is not state.new_connections
            or len(report.sessions) != state.session_count
            or state.id in arrived
        ):
            yield Changed(ResourceKind.HOST, name, now_us)
        numbers = [known.seen.session_id for known in (*one.new, *one.changed)]
        for number in sorted({*numbers, *one.gone}):
            yield Changed(ResourceKind.SESSION, f"{name}/sessions/{number}", now_us)
