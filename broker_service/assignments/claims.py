"""Claims: free hosts for users who sign in for the first time, many at once.

A set-based operation (`Database.gather`): whatever waits is answered by a handful of statements.
Candidates are taken from a random place in the index of free hosts, never in order, because
claiming in order queues every sign-in on one row and slows down as the pool drains (measured: 3.2
to 5.7 times).
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy import BindParameter, Connection, bindparam, select

from broker_service.assignments.rules import Person
from broker_service.assignments.store import end_reservations, hold
from broker_service.collections.rules import Collection
from broker_service.collections.store import require_same
from broker_service.history.rules import Author, Cause
from broker_service.hosts.rules import Host
from broker_service.hosts.store import host_of
from broker_service.tables import hosts

CLAIM_KEYS = 1 << 62
_USER_KEYS: BindParameter[Any] = bindparam("user_keys", expanding=True)
_HELD = (
    select(hosts)
    .where(hosts.c.collection_id == bindparam("collection"), hosts.c.user_key.in_(_USER_KEYS))
    # Of several hosts the one in the lowest slot comes last and stays.
    .order_by(hosts.c.slot.desc())
)
_RESERVED = (
    select(hosts)
    .where(
        hosts.c.collection_id == bindparam("collection"),
        hosts.c.reserved_user_key.in_(_USER_KEYS),
        hosts.c.reserved_until_us > bindparam("now_us"),
        hosts.c.user_key.is_(None),
        hosts.c.quarantined_us.is_(None),
    )
    # Of several the one that ends first comes last and stays.
    .order_by(hosts.c.reserved_until_us.desc())
    .with_for_update()
)
# Known to be well, then not known; what is NULL nobody takes.
RANKS = (0, 1)
_FREE = (
    select(hosts)
    .where(
        hosts.c.collection_id == bindparam("collection"),
        hosts.c.user_key.is_(None),
        hosts.c.claim_rank == bindparam("rank"),
    )
    .order_by(hosts.c.claim_key)
    .limit(bindparam("count"))
)
# Brokers on one PostgreSQL pass each other's candidates by; SQLite has one writer and ignores it.
_UNLOCKED = _FREE.with_for_update(skip_locked=True)
_FREE_FROM = _UNLOCKED.where(hosts.c.claim_key >= bindparam("place"))
_FREE_BEFORE = _UNLOCKED.where(hosts.c.claim_key < bindparam("place"))
_FREE_WAITING = _FREE.with_for_update().where(hosts.c.id.not_in(bindparam("known", expanding=True)))


class Claim(NamedTuple):
    """One user's claim to a host of a collection that assigns automatically.

    Attributes:
        collection: Where.
        person: Who.
        author: Who acts, and by which right.
    """

    collection: Collection
    person: Person
    author: Author


class Claimed(NamedTuple):
    """What a claim led to.

    Attributes:
        host: The user's host.
        is_new: Whether this claim assigned it.
    """

    host: Host
    is_new: bool


def take_hosts(
    connection: Connection,
    collection: Collection,
    claims: Sequence[Claim],
    ranks: Sequence[int],
) -> dict[str, Claimed]:
    """Give free hosts to users who hold none, each named once, as far as there are any; by key.

    That they hold none, and that the collection is there, was read in the same transaction.

    Args:
        connection: An open transaction.
        collection: Where.
        claims: Whose.
        ranks: Which ranks free hosts may have, the first to be taken first.

    Raises:
        NotFound: No host is free, and the collection was deleted meanwhile.
    """
    served = _take_free(connection, collection, claims, ranks)
    rest = claims[len(served) :]
    if rest and _end_lapsed(connection, collection, rest[0].author.now_us):
        served += _take_free(connection, collection, rest, RANKS)
    taken = {claim.person.key: Claimed(host, is_new=True) for claim, host in served}
    if len(claims) > len(served):
        require_same(connection, collection)  # it may have been deleted while this waited
        # Another broker may have given them one meanwhile.
        late = [claim.person.key for claim in claims[len(served) :]]
        held = _held_hosts(connection, collection, late)
        taken |= {key: Claimed(host, is_new=False) for key, host in held.items()}
    return taken


def take_reserved(
    connection: Connection, collection: Collection, claims: Mapping[str, Claim]
) -> dict[str, Claimed]:
    """Give the hosts that are kept for them to users who hold none; by key.

    A host that is kept is given even when it takes no new sessions at the moment: the user is told
    so, and not sent to another one.
    """
    now_us = max(claim.author.now_us for claim in claims.values())
    values = {"collection": collection.id, "now_us": now_us, "user_keys": list(claims)}
    rows = {row.reserved_user_key: row for row in connection.execute(_RESERVED, values)}
    if not rows:
        return {}
    served = [(claims[key], host_of(row, collection.name)) for key, row in rows.items()]
    _hold(connection, collection, served)
    return {claim.person.key: Claimed(host, is_new=True) for claim, host in served}


def _take_free(
    connection: Connection, collection: Collection, claims: Sequence[Claim], ranks: Sequence[int]
) -> list[tuple[Claim, Host]]:
    free = _free_hosts(connection, collection, len(claims), ranks)
    served = list(zip(claims, free, strict=False))
    _hold(connection, collection, served)
    return served


def _hold(
    connection: Connection, collection: Collection, served: Sequence[tuple[Claim, Host]]
) -> None:
    hold(
        connection,
        collection,
        [(host, claim.person) for claim, host in served],
        cause=Cause.CLAIM,
        authors=[claim.author for claim, _ in served],
        taken={},
    )


def _held_hosts(
    connection: Connection, collection: Collection, user_keys: Iterable[str]
) -> dict[str, Host]:
    """Return the first host of each user who holds one, by user key."""
    values = {"collection": collection.id, "user_keys": list(user_keys)}
    rows = connection.execute(_HELD, values)
    return {row.user_key: host_of(row, collection.name) for row in rows}


def _free_hosts(
    connection: Connection, collection: Collection, count: int, ranks: Sequence[int]
) -> list[Host]:
    found: list[Any] = []
    place = secrets.randbelow(CLAIM_KEYS)
    for rank in ranks:
        for query in (_FREE_FROM, _FREE_BEFORE):
            # Few are left behind the random place: the rest stands before it.
            if len(found) < count:
                values = {"collection": collection.id, "rank": rank, "place": place}
                found += connection.execute(query, values | {"count": count - len(found)})
    for rank in RANKS:
        # What others hold locked may become free or not: nobody is refused before that is known.
        if len(found) < count:
            values = {"collection": collection.id, "rank": rank, "count": count - len(found)}
            known = [row.id for row in found]
            found += connection.execute(_FREE_WAITING, values | {"known": known})
    return [host_of(row, collection.name) for row in found]


def _end_lapsed(connection: Connection, collection: Collection, now_us: int) -> bool:
    """End the reservations of a collection whose time is over; return whether there were any."""
    query = select(hosts).where(
        hosts.c.collection_id == collection.id,
        hosts.c.reserved_user_key.is_not(None),
        hosts.c.reserved_until_us <= now_us,
        hosts.c.user_key.is_(None),
    )
    rows = connection.execute(query.with_for_update())
    lapsed = [host_of(row, collection.name) for row in rows]
    end_reservations(connection, lapsed, now_us)
    return bool(lapsed)
