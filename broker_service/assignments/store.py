"""The assignments' questions to the database."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import Connection, bindparam, select, update

from broker_service.assignments.rules import Person, free_slot, holder_of
from broker_service.changes.rules import Changed, ResourceKind
from broker_service.changes.store import note
from broker_service.collections.rules import Collection, ReleasePolicy
from broker_service.history.rules import Author, Cause, Event, EventKind
from broker_service.history.store import record
from broker_service.hosts.rules import Host, Reservation
from broker_service.hosts.store import chunks, host_of, locked, next_us, reckon
from broker_service.tables import host_reports, hosts
from deskhold.chassis.db.rows import ManyRows
from deskhold.chassis.paging import Page

_HOLD = ManyRows(
    update(hosts)
    .where(hosts.c.id == bindparam("host"), hosts.c.user_key.is_(None))
    .values(
        user=bindparam("new_user"),
        user_key=bindparam("new_user_key"),
        slot=bindparam("new_slot"),
        assigned_us=bindparam("now_us"),
        assigned_by=bindparam("actor"),
        reserved_user=None,
        reserved_user_key=None,
        reserved_until_us=None,
        reserved_by=None,
        quarantined_us=None,
        updated_us=bindparam("now_us"),
        version=hosts.c.version + 1,
    ),
    ["host", "new_user", "new_user_key", "new_slot", "now_us", "actor"],
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
        quarantined_us=bindparam("new_quarantined_us"),
        updated_us=bindparam("new_updated_us"),
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

    Reservations and quarantines of the hosts end with it; whether they may, is judged before.

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
        since_us = host.next_us(author.now_us)
        rows.append((host.id, person.user, person.key, slot, since_us, author.actor))
    _HOLD.run(connection, rows)
    events = (
        _event(collection, host, person, EventKind.ASSIGNED, cause) for host, person in wanted
    )
    times = (
        author._replace(now_us=host.next_us(author.now_us))
        for (host, _), author in zip(wanted, authors, strict=True)
    )
    record(connection, zip(events, times, strict=True))
    # Claims take none of these, and so do without it.
    withheld = [host for host, _ in wanted if _is_withheld(collection, host)]
    _settle(connection, withheld, authors[0].now_us)


def free(
    connection: Connection,
    collection: Collection,
    gone: Iterable[Host],
    *,
    cause: Cause,
    author: Author,
) -> None:
    """End the holds of hosts, and record it; the one place where the release policy is applied.

    Who is swapped leaves no host behind for somebody unknown: there is nothing to confirm.
    """
    held = [(host, person) for host in gone if (person := holder_of(host))]
    if not held:
        return
    is_quarantined = _has_quarantine(collection) and cause is not Cause.SWAP
    rows = [
        {
            "host": host.id,
            "new_quarantined_us": author.now_us if is_quarantined else None,
            "new_updated_us": host.next_us(author.now_us),
        }
        for host, _ in held
    ]
    connection.execute(_FREE, rows)
    record(
        connection,
        (
            (
                _event(collection, host, person, EventKind.REMOVED, cause),
                author._replace(now_us=host.next_us(author.now_us)),
            )
            for host, person in held
        ),
    )
    if is_quarantined:
        _settle(connection, [host for host, _ in held], author.now_us)


def reserve(connection: Connection, host: Host, kept: Reservation, now_us: int) -> None:
    """Keep a free host for a user, whether it was kept before or not."""
    values = {
        "reserved_user": kept.user,
        "reserved_user_key": kept.user_key,
        "reserved_until_us": kept.until_us,
        "reserved_by": kept.reserved_by,
    }
    _change(connection, [host], values, now_us)


def end_reservations(connection: Connection, kept: Sequence[Host], now_us: int) -> None:
    """Keep hosts for nobody."""
    names = ("reserved_user", "reserved_user_key", "reserved_until_us", "reserved_by")
    _change(connection, kept, dict.fromkeys(names), now_us)


def release(connection: Connection, waiting: Sequence[Host], now_us: int) -> None:
    """End the quarantine of hosts."""
    _change(connection, waiting, {"quarantined_us": None}, now_us)


def administrators(connection: Connection, gone: Sequence[Host]) -> dict[int, list[str]]:
    """Return who is administrator on hosts by their agents' last reports, by number of the host.

    Hosts without a report, or with an empty one, are left out.
    """
    found: dict[int, list[str]] = {}
    for chunk in chunks([host.id for host in gone]):
        query = select(host_reports.c.host, host_reports.c.administrators).where(
            host_reports.c.host.in_(chunk)
        )
        for row in connection.execute(query):
            if named := json.loads(row.administrators):
                found[row.host] = named
    return found


def _change(
    connection: Connection, changed: Sequence[Host], values: dict[str, Any], now_us: int
) -> None:
    for chunk in chunks([host.id for host in changed]):
        connection.execute(
            update(hosts)
            .where(hosts.c.id.in_(chunk))
            .values(**values, updated_us=next_us(now_us), version=hosts.c.version + 1)
        )
    _settle(connection, changed, now_us)


def _settle(connection: Connection, changed: Sequence[Host], now_us: int) -> None:
    """Let claims and watchers know that hosts came into somebody's reach or out of it."""
    if changed:
        reckon(connection, [host.id for host in changed])
        note(connection, (Changed(ResourceKind.HOST, host.name, now_us) for host in changed))


def _is_withheld(collection: Collection, host: Host) -> bool:
    """Say whether a host as it was read is out of reach, or got so when its hold was ended."""
    return (
        host.reservation is not None
        or host.quarantined_us is not None
        or (host.hold is not None and _has_quarantine(collection))
    )


def _has_quarantine(collection: Collection) -> bool:
    return collection.draft.release_policy is ReleasePolicy.QUARANTINE


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
