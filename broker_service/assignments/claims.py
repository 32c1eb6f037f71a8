"""Claims: free hosts for users who sign in for the first time, many at once.

A set-based operation for the writer's lane: whatever waits is answered by a handful of statements.
Candidates are taken from a random place in the index of free hosts, never in order, because
claiming in order queues every sign-in on one row and slows down as the pool drains (measured: 3.2
to 5.7 times).
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, bindparam, select

from broker_service.assignments.rules import Person
from broker_service.assignments.store import hold
from broker_service.collections.rules import Collection
from broker_service.collections.store import require_same
from broker_service.history.rules import Author, Cause
from broker_service.hosts.rules import Host
from broker_service.hosts.store import count_hosts, host_of
from broker_service.tables import hosts
from deskhold.chassis.statements import Prepared, PreparedForKeys
from deskhold.errors import DeskholdError, ResourceExhausted

CLAIM_KEYS = 1 << 62
_HELD = PreparedForKeys(
    lambda user_keys: (
        select(hosts)
        .where(
            hosts.c.collection_id == bindparam("collection"),
            hosts.c.user_key.in_(user_keys),
        )
        # Of several hosts the one in the lowest slot comes last and stays.
        .order_by(hosts.c.slot.desc())
    ),
    hosts.c.user_key.type,
)
_FREE = (
    select(hosts)
    .where(hosts.c.collection_id == bindparam("collection"), hosts.c.user_key.is_(None))
    .order_by(hosts.c.claim_key)
    .limit(bindparam("count"))
)
# Brokers on one PostgreSQL pass each other's candidates by; SQLite has one writer and ignores it.
_UNLOCKED = _FREE.with_for_update(skip_locked=True)
_FREE_FROM = Prepared(_UNLOCKED.where(hosts.c.claim_key >= bindparam("place")))
_FREE_BEFORE = Prepared(_UNLOCKED.where(hosts.c.claim_key < bindparam("place")))
_FREE_WAITING = _FREE.with_for_update().where(hosts.c.id.not_in(bindparam("known", expanding=True)))


@dataclass(frozen=True, slots=True)
class Claim:
    """One user's claim to a host of a collection that assigns automatically.

    Attributes:
        collection: Where.
        person: Who.
        author: Who acts, and by which right.
    """

    collection: Collection
    person: Person
    author: Author


@dataclass(frozen=True, slots=True)
class Claimed:
    """What a claim led to.

    Attributes:
        host: The user's host.
        is_new: Whether this claim assigned it.
    """

    host: Host
    is_new: bool


def take_hosts(
    connection: Connection, collection: Collection, claims: Sequence[Claim]
) -> dict[str, Claimed | DeskholdError]:
    """Give free hosts to users who hold none, each named once; return what became of each, by key.

    That they hold none, and that the collection is there, was read in the same transaction.
    """
    free = _free_hosts(connection, collection, len(claims))
    served = list(zip(claims, free, strict=False))
    hold(
        connection,
        collection,
        [(host, claim.person) for claim, host in served],
        cause=Cause.CLAIM,
        authors=[claim.author for claim, _ in served],
        taken={},
    )
    answers: dict[str, Claimed | DeskholdError] = {
        claim.person.key: Claimed(host, is_new=True) for claim, host in served
    }
    if len(claims) > len(free):
        rest = [claim.person.key for claim in claims[len(free) :]]
        answers |= _left_over(connection, collection, rest)
    return answers


def held_hosts(
    connection: Connection, collection: Collection, user_keys: Iterable[str]
) -> dict[str, Host]:
    """Return the first host of each user who holds one, by user key."""
    rows = _HELD.run(connection, list(user_keys), {"collection": collection.id})
    return {row.user_key: host_of(row, collection.name) for row in rows}


def _free_hosts(connection: Connection, collection: Collection, count: int) -> list[Host]:
    if not count:
        return []
    place = secrets.randbelow(CLAIM_KEYS)
    values = {"collection": collection.id, "place": place, "count": count}
    rows = list(_FREE_FROM.run(connection, values))
    if len(rows) < count:
        # Few are left behind the random place: the rest stands before it.
        rows += _FREE_BEFORE.run(connection, values | {"count": count - len(rows)})
    if len(rows) < count:
        # What others hold locked may become free or not: nobody is refused before that is known.
        rest = {"count": count - len(rows), "known": [row.id for row in rows]}
        rows += connection.execute(_FREE_WAITING, values | rest)
    return [host_of(row, collection.name) for row in rows]


def _left_over(
    connection: Connection, collection: Collection, user_keys: Sequence[str]
) -> dict[str, Claimed | DeskholdError]:
    """Answer users for whom no host was free; another broker may have given them one meanwhile."""
    refusal = _none_free(connection, collection)
    held = held_hosts(connection, collection, user_keys)
    return {key: Claimed(held[key], is_new=False) if key in held else refusal for key in user_keys}


def _none_free(connection: Connection, collection: Collection) -> ResourceExhausted:
    require_same(connection, collection)  # it may have been deleted while this waited
    total = count_hosts(connection, collection)
    taken = {
        0: f"{collection.name} has no hosts",
        1: f"the only host of {collection.name} is assigned",
    }.get(total, f"all {total} hosts of {collection.name} are assigned")
    return ResourceExhausted(
        f"{taken}; ask its administrator for another host",
        reason="NO_FREE_HOST",
        metadata={"collection": collection.name, "hosts": str(total), "assigned": str(total)},
    )
