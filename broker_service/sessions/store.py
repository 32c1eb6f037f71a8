"""Finding the way of many users at once."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, select

from broker_service.assignments.claims import Claim, Claimed, held_hosts, take_hosts
from broker_service.assignments.rules import Person
from broker_service.collections.rules import Collection
from broker_service.collections.store import collection_of, require_same
from broker_service.history.rules import Author
from broker_service.hosts.rules import Host
from broker_service.hosts.store import host_of
from broker_service.tables import app_groups, collections, hosts
from deskhold.chassis.statements import PreparedForKeys
from deskhold.errors import DeskholdError


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
        is_new: Whether it was assigned just now.
    """

    collection: Collection | None
    has_app_group: bool
    host: Host | None
    is_new: bool = False

    @property
    def may_claim(self) -> bool:
        """Whether the user has no host and takes a free one."""
        return (
            self.collection is not None
            and self.has_app_group
            and self.host is None
            and self.collection.draft.auto_assign_user
        )


@dataclass(frozen=True, slots=True)
class Arrival:
    """A user who wants to go somewhere, and takes a free host when there is none yet.

    Attributes:
        ask: Who and where.
        person: The user.
        author: Who acts, and by which right.
    """

    ask: Ask
    person: Person
    author: Author


_TARGETS = PreparedForKeys(
    lambda names: (
        select(collections, app_groups.c.app_group_id)
        .join(app_groups, app_groups.c.collection_id == collections.c.id)
        .where(collections.c.name.in_(names))
    ),
    collections.c.name.type,
)


def find_ways(connection: Connection, asks: Sequence[Ask]) -> Sequence[Way]:
    """Answer all asks, with a statement per collection (an operation for `Lane.gather`)."""
    by_app_group: dict[tuple[str, str], Collection] = {}
    by_name: dict[str, Collection] = {}
    for row in _TARGETS.run(connection, sorted({ask.collection for ask in asks}), {}):
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


def find_or_claim(
    connection: Connection, arrivals: Sequence[Arrival]
) -> Sequence[Way | DeskholdError]:
    """Answer all arrivals, with free hosts for those who hold none where that is automatic.

    An operation for the writer's lane. An answer is a way without a host where the collection does
    not assign automatically, and an error where no host is free.
    """
    ways = find_ways(connection, [arrival.ask for arrival in arrivals])
    claims: defaultdict[str, dict[str, Claim]] = defaultdict(dict)
    collections_: dict[str, Collection] = {}
    for way, arrival in zip(ways, arrivals, strict=True):
        if way.collection is not None and way.may_claim:
            claim = Claim(way.collection, arrival.person, arrival.author)
            claims[way.collection.name].setdefault(arrival.person.key, claim)
            collections_[way.collection.name] = way.collection
    taken = {
        (name, key): answer
        for name, by_user in claims.items()
        for key, answer in take_hosts(
            connection, collections_[name], list(by_user.values())
        ).items()
    }
    return [
        _claimed(way, arrival, taken, claims) for way, arrival in zip(ways, arrivals, strict=True)
    ]


def _claimed(
    way: Way,
    arrival: Arrival,
    taken: Mapping[tuple[str, str], Claimed | DeskholdError],
    claims: Mapping[str, Mapping[str, Claim]],
) -> Way | DeskholdError:
    if way.collection is None or not way.may_claim:
        return way
    name, key = way.collection.name, arrival.person.key
    answer = taken[name, key]
    if isinstance(answer, DeskholdError):
        return answer
    # Who arrives twice at once hears once that the host is new.
    is_first = claims[name][key].author is arrival.author
    return Way(way.collection, way.has_app_group, answer.host, answer.is_new and is_first)


def _held(
    connection: Connection, by_name: Mapping[str, Collection], asks: Sequence[Ask]
) -> dict[tuple[str, str], Host]:
    keys: defaultdict[str, set[str]] = defaultdict(set)
    for ask in asks:
        keys[ask.collection].add(ask.user_key)
    # A statement per collection: SQLite looks through every host for pairs of collection and user.
    return {
        (name, key): host
        for name, collection in by_name.items()
        for key, host in held_hosts(connection, collection, keys[name]).items()
    }


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
