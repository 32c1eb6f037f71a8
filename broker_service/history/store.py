"""Writing history, and reading it as periods."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import Connection, Row, func, insert, literal, or_, select

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
        goes_on = or_(_END_US.is_(None), literal(wanted.at_us) < _END_US)
        query = query.where(history.c.time_us <= wanted.at_us, goes_on)
    if page.after is not None:
        query = query.where(history.c.id < int(page.after))
    begun = connection.execute(query).all()
    ends = _turns(connection, [row.end_id for row in begun if row.end_id is not None])
    return [
        Period(row.id, row.collection_uid, row.host_id, row.user, _turn(row), ends.get(row.end_id))
        for row in begun
    ]


def _turns(connection: Connection, ids: Sequence[int]) -> dict[int, Turn]:
    # No more than a page: they fit into one statement.
    rows = connection.execute(select(history).where(history.c.id.in_(ids))) if ids else ()
    return {row.id: _turn(row) for row in rows}


def _turn(row: Row[Any]) -> Turn:
    return Turn(row.time_us, row.cause, row.actor, row.decision_id)
