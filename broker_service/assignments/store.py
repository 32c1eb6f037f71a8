"""The assignments' questions to the database."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import Connection, bindparam, select, update

from broker_service.assignments.rules import Person, free_slot
from broker_service.collections.rules import Collection
from broker_service.history.rules import Author, Cause, Event, EventKind
from broker_service.history.store import record
from broker_service.hosts.rules import Host
from broker_service.hosts.store import chunks, host_of, locked
from broker_service.tables import hosts
from deskhold.chassis.paging import Page
from deskhold.chassis.statements import Prepared

_HOLD = Prepared(
    update(hosts)
    .where(hosts.c.id == bindparam("host"), hosts.c.user_key.is_(None))
    .values(
        user=bindparam("new_user"),
        user_key=bindparam("new_user_key"),
        slot=bindparam("new_slot"),
        assigned_us=bindparam("new_assigned_us"),
        assigned_by=bindparam("new_assigned_by"),
        version=hosts.c.version + 1,
    )
)
_FREE = (
    update(hosts)
    .where(hosts.c.id == bindparam("host"))
    .values(
        user=None,
        user_key=None,
        slot=None,
        assigned_us=None,
        assigned_by=None,
        version=hosts.c.version + 1,
    )
)


def held_by(
    connection: Connection, collection: Collection, user_key: str, *, lock: bool = False
) -> list[Host]:
    """Return what a user holds in a collection, the lowest slot first."""
    query = (
        select(hosts)
        .where(hosts.c.collection_id == collection.id, hosts.c.user_key == user_key)
        .order_by(hosts.c.slot)
    )
    rows = connection.execute(locked(query) if lock else query)
    return [host_of(row, collection.name) for row in rows]


def list_held(
    connection: Connection, collection: Collection, page: Page, user_key: str = ""
) -> list[Host]:
    """Return the held hosts of a page by key, a user's or all, and one more if any follow."""
    query = (
        select(hosts)
        .where(hosts.c.collection_id == collection.id, hosts.c.user_key.is_not(None))
        .order_by(hosts.c.host_key)
        .limit(page.probe)
    )
    if user_key:
        query = query.where(hosts.c.user_key == user_key)
    if page.after is not None:
        query = query.where(hosts.c.host_key > page.after)
    return [host_of(row, collection.name) for row in connection.execute(query)]


def export_held(connection: Connection, collection: Collection) -> Sequence[Any]:
    """Return (host id, user) of every held host of a collection, by key."""
    query = (
        select(hosts.c.host_id, hosts.c.user)
        .where(hosts.c.collection_id == collection.id, hosts.c.user_key.is_not(None))
        .order_by(hosts.c.host_key)
    )
    return connection.execute(query).all()


def hold(
    connection: Connection,
    collection: Collection,
    wanted: Sequence[tuple[Host, Person]],
    *,
    cause: Cause,
    authors: Sequence[Author],
    taken: dict[str, set[int]] | None = None,
) -> None:
    """Assign free hosts, each person's to their lowest free slots, and record it.

    Args:
        connection: An open transaction.
        collection: Where.
        wanted: Which host to whom.
        cause: Through which verb.
        authors: By whose decision, one for each pair.
        taken: The slots that the persons hold already, by key; None: they are looked up.
    """
    if not wanted:
        return
    if taken is None:
        taken = _taken_slots(connection, collection, {person.key for _, person in wanted})
    rows = []
    for (host, person), author in zip(wanted, authors, strict=True):
        slots = taken.setdefault(person.key, set())
        slot = free_slot(slots)
        slots.add(slot)
        rows.append(
            {
                "host": host.id,
                "new_user": person.user,
                "new_user_key": person.key,
                "new_slot": slot,
                "new_assigned_us": author.now_us,
                "new_assigned_by": author.actor,
            }
        )
    _HOLD.run_each(connection, rows)
    events = (
        _event(collection, host, person, EventKind.ASSIGNED, cause) for host, person in wanted
    )
    record(connection, zip(events, authors, strict=True))


def free(
    connection: Connection,
    collection: Collection,
    gone: Iterable[Host],
    *,
    cause: Cause,
    author: Author,
) -> None:
    """End the holds of hosts, and record it."""
    held = [(host, Person(host.hold.user, host.hold.user_key)) for host in gone if host.hold]
    if not held:
        return
    connection.execute(_FREE, [{"host": host.id} for host, _ in held])
    events = (_event(collection, host, person, EventKind.REMOVED, cause) for host, person in held)
    record(connection, ((event, author) for event in events))


def _taken_slots(
    connection: Connection, collection: Collection, user_keys: Iterable[str]
) -> dict[str, set[int]]:
    taken: dict[str, set[int]] = {}
    for chunk in chunks(sorted(user_keys)):
        query = select(hosts.c.user_key, hosts.c.slot).where(
            hosts.c.collection_id == collection.id, hosts.c.user_key.in_(chunk)
        )
        for row in connection.execute(query):
            taken.setdefault(row.user_key, set()).add(row.slot)
    return taken


def _event(
    collection: Collection, host: Host, person: Person, kind: EventKind, cause: Cause
) -> Event:
    return Event(
        collection.name, collection.uid, host.host_id, person.user, person.key, kind, cause
    )
