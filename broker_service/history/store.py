"""Writing history."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import Connection, insert

from broker_service.history.rules import Author, Event
from broker_service.tables import history
from deskhold.chassis.statements import Prepared

_INSERT = Prepared(
    insert(history), [column.name for column in history.c if column is not history.c.id]
)


def record(connection: Connection, events: Iterable[tuple[Event, Author]]) -> None:
    """Append events, in the transaction that they tell of."""
    rows = [
        {
            "collection": event.collection,
            "collection_uid": event.collection_uid,
            "host_id": event.host_id,
            "user": event.user,
            "user_key": event.user_key,
            "event": event.kind.value,
            "cause": event.cause.value,
            "actor": author.actor,
            "decision_id": author.decision_id,
            "request_id": author.request_id,
            "time_us": author.now_us,
        }
        for event, author in events
    ]
    _INSERT.run_each(connection, rows)
