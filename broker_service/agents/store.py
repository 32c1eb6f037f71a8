"""Taking reports, and noticing their absence.

Reports that wait are taken together, whoever sent them. What a report says is first compared with
what is stored: nearly always only the time is new, and then one narrow update for all such hosts is
everything. Only what is different locks its host, is read again, and written.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, bindparam, select, update

from broker_service.agents.changes import apply
from broker_service.agents.rules import (
    Answer,
    Desired,
    HostReport,
    Known,
    new_connections_after,
    remarks,
)
from broker_service.agents.states import HostState, is_news, is_start
from broker_service.collections.rules import Collection
from broker_service.collections.store import collection_of
from broker_service.hosts.amendments import lock_rows
from broker_service.hosts.rules import NewConnections, host_not_found
from broker_service.hosts.store import desired_administrator
from broker_service.sessions.records import pending_commands, sighting_of
from broker_service.sessions.reported import MAX_PENDING
from broker_service.tables import collections, host_reports, hosts, sessions
from deskhold.errors import DeskholdError, NotFound

# Built once: composing a statement costs more than SQLite takes to run it.
_COLLECTIONS = select(collections).where(collections.c.name.in_(bindparam("names", expanding=True)))
_HOSTS = (
    select(
        hosts.c.id,
        hosts.c.host_id,
        hosts.c.host_key,
        hosts.c.user,
        hosts.c.new_connections,
        hosts.c.drained_boot_id,
        hosts.c.session_count,
        hosts.c.sign_in_count,
        host_reports.c.status,
        host_reports.c.boot_id,
        host_reports.c.agent_version,
        host_reports.c.health_checks,
        host_reports.c.administrators,
        host_reports.c.administrator_keys,
    )
    .outerjoin(host_reports, host_reports.c.host == hosts.c.id)
    .where(
        hosts.c.collection_id == bindparam("collection"),
        hosts.c.host_key.in_(bindparam("keys", expanding=True)),
    )
)
_SESSIONS = select(sessions).where(sessions.c.host.in_(bindparam("ids", expanding=True)))
_HEARTBEAT = (
    update(host_reports)
    .where(host_reports.c.host.in_(bindparam("ids", expanding=True)))
    .values(heartbeat_us=bindparam("now_us"))
)
_IDLE = (
    update(sessions)
    .where(
        sessions.c.host == bindparam("of_host"), sessions.c.session_id == bindparam("of_session")
    )
    .values(idle_us=bindparam("new_idle_us"))
)


@dataclass(frozen=True, slots=True)
class Batch:
    """What one call reports.

    Attributes:
        collection: Name of the collection.
        reports: The reports, or why one is refused.
        now_us: When.
    """

    collection: str
    reports: Sequence[HostReport | DeskholdError]
    now_us: int


Refusable = Answer | DeskholdError
Answers = list[Refusable]


@dataclass(frozen=True, slots=True)
class _Waiting:
    report: HostReport
    now_us: int
    answers: Answers
    place: int


def take_reports(
    connection: Connection, batches: Sequence[Batch]
) -> Sequence[Answers | DeskholdError]:
    """Take the reports of all batches; an operation for `Database.gather`.

    A batch is answered report by report, or with an error when there is no such collection.
    """
    names = {"names": sorted({batch.collection for batch in batches})}
    found = {row.name: collection_of(row) for row in connection.execute(_COLLECTIONS, names)}
    by_collection: defaultdict[str, list[tuple[Batch, Answers]]] = defaultdict(list)
    results: list[Answers | DeskholdError] = []
    for batch in batches:
        if batch.collection not in found:
            results.append(_no_collection(batch.collection))
            continue
        answers = [_refusal(found[batch.collection], report) for report in batch.reports]
        results.append(answers)
        by_collection[batch.collection].append((batch, answers))
    # In this order, so that processes lock hosts in the same order.
    for name in sorted(by_collection):
        _take_of(connection, found[name], by_collection[name])
    return results


def _take_of(
    connection: Connection, collection: Collection, batches: Iterable[tuple[Batch, Answers]]
) -> None:
    waiting = [
        _Waiting(report, batch.now_us, answers, place)
        for batch, answers in batches
        for place, report in enumerate(batch.reports)
        if isinstance(report, HostReport)
    ]
    while waiting:
        this_round: dict[str, _Waiting] = {}
        # Who has reported again meanwhile is taken in the next round.
        waiting = [one for one in waiting if this_round.setdefault(one.report.key, one) is not one]
        now_us = max(one.now_us for one in this_round.values())
        reports = {key: one.report for key, one in this_round.items()}
        again = {one.report.key for one in waiting}
        for key, answer in _take_round(connection, collection, reports, again, now_us).items():
            this_round[key].answers[this_round[key].place] = answer


def _take_round(
    connection: Connection,
    collection: Collection,
    reports: Mapping[str, HostReport],
    again: set[str],
    now_us: int,
) -> dict[str, Answer]:
    """Take one report of each host.

    Whose next report waits behind it, `again`, is locked with the first round as if it had news:
    locks that are taken together are taken in one order, and processes do not wait in a circle.
    """
    states = _read(connection, collection, reports)
    news = {
        key for key, state in states.items() if key in again or is_news(state, reports[key], now_us)
    }
    quiet = {key: state for key, state in states.items() if key not in news}
    if news:
        lock_rows(connection, (states[key].id for key in news))
        # Read again: another process may have changed them before the locks were ours.
        there = _read(connection, collection, {key: reports[key] for key in news})
        apply(connection, collection, [(there[key], reports[key]) for key in there], now_us)
        states = quiet | there
    # After the locks: who waits for one holds no row that its holder has yet to write.
    _beat(connection, quiet, reports, now_us)
    names = {state.id: f"{collection.name}/hosts/{state.host_id}" for state in states.values()}
    commands = pending_commands(connection, names, now_us, limit=MAX_PENDING)
    return {
        key: Answer(
            names[state.id],
            _desired(collection, state, reports[key]),
            commands.get(state.id, ()),
            is_start=is_start(state, reports[key]),
            remarks=remarks(reports[key], now_us),
        )
        for key, state in states.items()
    }


def _read(
    connection: Connection, collection: Collection, reports: Mapping[str, HostReport]
) -> dict[str, HostState]:
    wanted = {"collection": collection.id, "keys": sorted(reports)}
    rows = connection.execute(_HOSTS, wanted).all()
    ids = [row.id for row in rows if row.session_count]
    known: defaultdict[int, dict[int, Known]] = defaultdict(dict)
    if ids:
        for row in connection.execute(_SESSIONS, {"ids": ids}):
            known[row.host][row.session_id] = Known(sighting_of(row), row.disconnected_us)
    return {row.host_key: _state(row, known[row.id]) for row in rows}


def _beat(
    connection: Connection,
    states: Mapping[str, HostState],
    reports: Mapping[str, HostReport],
    now_us: int,
) -> None:
    """Write down hosts of which only the time is new, and how long their users were idle."""
    if not states:
        return
    ids = sorted(state.id for state in states.values())
    connection.execute(_HEARTBEAT, {"ids": ids, "now_us": now_us})
    idle = [
        {
            "of_host": state.id,
            "of_session": known.seen.session_id,
            "new_idle_us": known.seen.idle_us,
        }
        for key, state in states.items()
        for known in state.compared(reports[key], now_us).idle
    ]
    if idle:
        connection.execute(_IDLE, idle)


def _state(row: Any, known: dict[int, Known]) -> HostState:
    return HostState(
        id=row.id,
        host_id=row.host_id,
        user=row.user,
        new_connections=NewConnections(row.new_connections),
        drained_boot_id=row.drained_boot_id,
        session_count=row.session_count,
        sign_in_count=row.sign_in_count,
        report=None
        if row.status is None
        else (
            row.status,
            row.boot_id,
            row.agent_version,
            row.health_checks,
            row.administrators,
            row.administrator_keys,
        ),
        known=known,
    )


def _desired(collection: Collection, state: HostState, report: HostReport) -> Desired:
    takes, _ = new_connections_after(state.new_connections, state.drained_boot_id, report.boot_id)
    return Desired(
        desired_administrator(collection, state.user), takes, collection.draft.session_limits
    )


def _refusal(collection: Collection, report: HostReport | DeskholdError) -> Refusable:
    # Who is in the collection gets an answer instead.
    if isinstance(report, DeskholdError):
        return report
    return host_not_found(collection, report.host_id)


def _no_collection(name: str) -> NotFound:
    return NotFound(
        f"there is no collection {name}; see them with: deskhold collection list",
        reason="COLLECTION_NOT_FOUND",
        metadata={"collection": name},
    )
