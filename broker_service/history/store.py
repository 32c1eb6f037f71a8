"""Writing history, and reading it as periods."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    ScalarSelect,
    Select,
    bindparam,
    delete,
    func,
    insert,
    literal,
    or_,
    select,
)

from broker_service.changes.rules import Changed, ResourceKind
from broker_service.changes.store import note
from broker_service.history.rules import Author, Event, EventKind, Period, Turn, Wanted
from broker_service.tables import history
from deskhold.chassis.db.rows import ManyRows
from deskhold.chassis.paging import Page
from deskhold.names import fold_id

_INSERT = ManyRows(
    insert(history), [column.name for column in history.c if column is not history.c.id]
)
# SQLite allows 32,766 parameters in a statement.
_CHUNK = 5_000
_LATER = history.alias("later")
# A host is held by one user at a time, so the next end there is the end of this period.
_END = (
    select(_LATER.c.id)
    .where(
        _LATER.c.collection == history.c.collection,
        _LATER.c.host_key == history.c.host_key,
        _LATER.c.id > history.c.id,
        _LATER.c.collection_uid == history.c.collection_uid,
        _LATER.c.event == EventKind.REMOVED.value,
    )
    .order_by(_LATER.c.id)
    .limit(1)
    .correlate(history)
)
_END_US = _END.with_only_columns(_LATER.c.time_us).scalar_subquery()
# As the partial index of ends has it, which a bound value would not match.
_IS_END = history.c.event == literal(EventKind.REMOVED.value, literal_execute=True)
_PRUNE = delete(history).where(
    history.c.collection == bindparam("of"),
    history.c.host_key == bindparam("host"),
    history.c.id <= bindparam("end"),
)
_BEGUN = (
    select(history, _END.scalar_subquery().label("end_id"))
    .where(history.c.event == EventKind.ASSIGNED.value)
    .order_by(history.c.id.desc())
)


def record(connection: Connection, events: Iterable[tuple[Event, Author]]) -> None:
    """Append events, in the transaction that they tell of; who watches assignments hears of it.

    An event is dated no earlier than the one before of its host (`Host.next_us`).
    """
    events = list(events)
    rows = [
        (
            event.collection,
            event.collection_uid,
            event.host_id,
            event.user,
            event.user_key,
            event.kind.value,
            event.cause.value,
            author.actor,
            author.decision_id,
            author.request_id,
            author.now_us,
            fold_id(event.host_id),
        )
        for event, author in events
    ]
    _INSERT.run(connection, rows)
    note(
        connection,
        (
            Changed(
                ResourceKind.ASSIGNMENT,
                f"{event.collection}/hosts/{event.host_id}/assignment",
                author.now_us,
            )
            for event, author in events
        ),
    )


def latest_us(connection: Connection, collection: str, host_keys: Sequence[str]) -> int:
    """Return the time of the last event of hosts of a collection's name; 0: there is none."""
    latest = 0
    for start in range(0, len(host_keys), _CHUNK):
        query = select(func.max(history.c.time_us)).where(
            history.c.collection == collection,
            history.c.host_key.in_(host_keys[start : start + _CHUNK]),
        )
        latest = max(latest, connection.execute(query).scalar_one() or 0)
    return latest


def list_periods(
    connection: Connection, collection: str, wanted: Wanted, page: Page
) -> list[Period]:
    """Return the periods of a page, the newest first, and one more when another page follows.

    Those of removed hosts are among them, and those of earlier collections of the name.
    """
    query = _BEGUN.where(history.c.collection == collection).limit(page.probe)
    if wanted.user_key:
        query = query.where(history.c.user_key == wanted.user_key)
    if wanted.host_key:
        query = query.where(history.c.host_key == wanted.host_key)
    if wanted.at_us is not None:
        query = _held_at(query, collection, wanted, wanted.at_us)
    if page.after is not None:
        query = query.where(history.c.id < int(page.after))
    begun = connection.execute(query).all()
    ends = _turns(connection, [row.end_id for row in begun if row.end_id is not None])
    return [
        Period(row.id, row.collection_uid, row.host_id, row.user, _turn(row), ends.get(row.end_id))
        for row in begun
    ]


def prune(connection: Connection, *, before_us: int, kept: int, at_most: int) -> int:
    """Forget the oldest periods that have ended, only so many at once.

    Args:
        connection: An open transaction.
        before_us: Those that ended before are too old.
        kept: How many events may stay.
        at_most: How many ends are looked at.

    Returns:
        How many periods were removed.
    """
    query = select(history).where(_IS_END).order_by(history.c.time_us).limit(at_most)
    newest = connection.execute(select(func.max(history.c.id))).scalar() or 0
    due = [
        row
        for row in connection.execute(query)
        if row.time_us < before_us or row.id <= newest - kept
    ]
    for row in due:
        # What a host's end follows is older still.
        connection.execute(_PRUNE, {"of": row.collection, "host": row.host_key, "end": row.id})
    return len(due)


def _held_at(query: Select[Any], collection: str, wanted: Wanted, at_us: int) -> Select[Any]:
    """Return the query for the periods that a time lies in.

    The length of the history does not matter, only the number of hosts: one step of the index leads
    to the next host, and one to its last event before the time.
    """
    if wanted.user_key:
        goes_on = or_(_END_US.is_(None), literal(at_us) < _END_US)
        return query.where(history.c.time_us <= at_us, goes_on)
    if wanted.host_key:
        return query.where(history.c.id == _last_event(collection, literal(wanted.host_key), at_us))
    first = select(_next_host(collection, literal("")).label("host_key"))
    hosts = first.cte("hosts", recursive=True)
    hosts = hosts.union_all(
        select(_next_host(collection, hosts.c.host_key)).where(hosts.c.host_key.is_not(None))
    )
    last = (
        select(_last_event(collection, hosts.c.host_key, at_us).label("id"))
        .where(hosts.c.host_key.is_not(None))
        .cte("last")
        # PostgreSQL would rather read every event before the time.
        .prefix_with("MATERIALIZED", dialect="postgresql")
    )
    return query.join(last, last.c.id == history.c.id)


def _next_host(collection: str, after: ColumnElement[str]) -> ScalarSelect[str]:
    return (
        select(func.min(_LATER.c.host_key))
        .where(_LATER.c.collection == collection, _LATER.c.host_key > after)
        .scalar_subquery()
    )


def _last_event(collection: str, host_key: ColumnElement[str], at_us: int) -> ScalarSelect[int]:
    return (
        select(_LATER.c.id)
        .where(
            _LATER.c.collection == collection,
            _LATER.c.host_key == host_key,
            _LATER.c.time_us <= at_us,
        )
        .order_by(_LATER.c.time_us.desc(), _LATER.c.id.desc())
        .limit(1)
        .scalar_subquery()
    )


def _turns(connection: Connection, ids: Sequence[int]) -> dict[int, Turn]:
    # No more than a page: they fit into one statement.
    rows = connection.execute(select(history).where(history.c.id.in_(ids))) if ids else ()
    return {row.id: _turn(row) for row in rows}


def _turn(row: Row[Any]) -> Turn:
    return Turn(row.time_us, row.cause, row.actor, row.decision_id)
