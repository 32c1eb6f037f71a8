"""Finding the way of many users at once."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, select

from broker_service.collections.rules import Collection
from broker_service.collections.store import collection_of, require_same
from broker_service.hosts.rules import Host
from broker_service.hosts.store import host_of
from broker_service.tables import app_groups, collections, hosts


@dataclass(frozen=True, slots=True)
class Ask:
    """Who wants to go where.

    Attributes:
        collection: Name of the collection.
        app_group_id: Which of its app groups.
        user_key: The user as compared.
    """

    collection: str
    app_group_id: str
    user_key: str


@dataclass(frozen=True, slots=True)
class Way:
    """What is known about an ask.

    Attributes:
        collection: The collection; None when there is none.
        has_app_group: Whether it has the app group.
        host: The host the user holds; None when there is none.
    """

    collection: Collection | None
    has_app_group: bool
    host: Host | None


def find_ways(connection: Connection, asks: Sequence[Ask]) -> Sequence[Way]:
    """Answer all asks, with a statement per collection (an operation for `Lane.gather`)."""
    by_app_group: dict[tuple[str, str], Collection] = {}
    by_name: dict[str, Collection] = {}
    query = (
        select(collections, app_groups.c.app_group_id)
        .join(app_groups, app_groups.c.collection_id == collections.c.id)
        .where(collections.c.name.in_({ask.collection for ask in asks}))
    )
    for row in connection.execute(query):
        by_name[row.name] = by_app_group[row.name, row.app_group_id] = collection_of(row)
    held = _held(connection, by_name, asks)
    return [
        Way(
            by_name.get(ask.collection),
            (ask.collection, ask.app_group_id) in by_app_group,
            held.get((ask.collection, ask.user_key)),
        )
        for ask in asks
    ]


def _held(
    connection: Connection, by_name: Mapping[str, Collection], asks: Sequence[Ask]
) -> dict[tuple[str, str], Host]:
    keys: defaultdict[str, set[str]] = defaultdict(set)
    for ask in asks:
        keys[ask.collection].add(ask.user_key)
    held: dict[tuple[str, str], Host] = {}
    # A statement per collection: SQLite looks through every host for pairs of collection and user.
    for name, collection in by_name.items():
        query = (
            select(hosts)
            .where(hosts.c.collection_id == collection.id, hosts.c.user_key.in_(keys[name]))
            .order_by(hosts.c.slot.desc())
        )
        # Of several hosts the one in the lowest slot comes last and stays.
        for row in connection.execute(query):
            held[name, row.user_key] = host_of(row, name)
    return held


def pooled_host(connection: Connection, collection: Collection, place: int) -> Host | None:
    """Return the host of a pooled collection that stands at a place in the ring of claim keys.

    Raises:
        NotFound: The collection was deleted since it was read.
    """
    require_same(connection, collection)
    # Nobody holds a host of a pooled collection; saying so leads to the index of free hosts.
    query = (
        select(hosts)
        .where(hosts.c.collection_id == collection.id, hosts.c.user_key.is_(None))
        .order_by(hosts.c.claim_key)
        .limit(1)
    )
    row = connection.execute(query.where(hosts.c.claim_key >= place)).one_or_none()
    row = row or connection.execute(query).one_or_none()
    return None if row is None else host_of(row, collection.name)
