"""Finding the way of many users at once."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy import BindParameter, Connection, and_, bindparam, select

from broker_service.assignments.claims import RANKS, Claim, take_hosts, take_reserved
from broker_service.collections.rules import Collection, CollectionType
from broker_service.collections.store import collection_of
from broker_service.hosts.rules import Host, Status
from broker_service.hosts.store import host_of
from broker_service.sessions.placement import place_users
from broker_service.sessions.rules import Arrival, Ask, Way
from broker_service.tables import (
    app_groups,
    collections,
    host_reports,
    hosts,
    sessions,
    sign_ins,
)

_KEEPS_HOSTS = (
    select(hosts.c.id)
    .where(hosts.c.collection_id == collections.c.id, hosts.c.reserved_user_key.is_not(None))
    .exists()
)
# Where no agent reports, no host is known to be well, and none need be looked for.
_FIRST_RANK = (
    select(hosts.c.claim_rank)
    .where(
        hosts.c.collection_id == collections.c.id,
        hosts.c.user_key.is_(None),
        hosts.c.claim_rank.is_not(None),
    )
    # Both, or the index for pools will do as well, in which are hosts that somebody holds.
    .order_by(hosts.c.claim_rank, hosts.c.claim_key)
    .limit(1)
    .scalar_subquery()
)
_NAMES: BindParameter[Any] = bindparam("names", expanding=True)
_USER_KEYS: BindParameter[Any] = bindparam("user_keys", expanding=True)
_TARGETS = (
    select(
        collections,
        app_groups.c.app_group_id,
        app_groups.c.type.label("app_group_type"),
        _KEEPS_HOSTS.label("keeps_hosts"),
        _FIRST_RANK.label("first_rank"),
    )
    .join(app_groups, app_groups.c.collection_id == collections.c.id)
    .where(collections.c.name.in_(_NAMES))
)
_AT_HELD = and_(sessions.c.host == hosts.c.id, sessions.c.user_key == hosts.c.user_key)
_HELD = (
    select(hosts, sessions.c.session_id)
    .outerjoin(sessions, _AT_HELD)
    .where(
        hosts.c.collection_id == bindparam("collection"),
        hosts.c.user_key.in_(_USER_KEYS),
    )
    # Of several the one with a session, then the lowest slot comes last and stays.
    .order_by(sessions.c.session_id.is_not(None), hosts.c.slot.desc(), sessions.c.session_id.desc())
)
# Of who has got a host in this transaction, or found one that another broker has just given them.
# A session that a user has left on another's host is no way back.
_AT_OWN = (
    select(hosts, sessions.c.user_key.label("of"), sessions.c.session_id)
    .join(sessions, sessions.c.host == hosts.c.id)
    .where(
        sessions.c.collection_id == bindparam("collection"),
        sessions.c.user_key.in_(_USER_KEYS),
        hosts.c.user_key == sessions.c.user_key,
    )
    # Of several the oldest of the lowest slot comes last and stays.
    .order_by(hosts.c.slot.desc(), sessions.c.session_id.desc())
)
_IN_POOL = (
    select(hosts, sessions.c.user_key.label("of"), sessions.c.session_id)
    .join(sessions, sessions.c.host == hosts.c.id)
    .where(
        sessions.c.collection_id == bindparam("collection"),
        sessions.c.user_key.in_(_USER_KEYS),
    )
    .order_by(sessions.c.host.desc(), sessions.c.session_id.desc())
)
_SIGNING_IN = (
    select(hosts, sign_ins.c.user_key.label("of"))
    .join(sign_ins, sign_ins.c.host == hosts.c.id)
    .where(
        sign_ins.c.collection_id == bindparam("collection"),
        sign_ins.c.user_key.in_(_USER_KEYS),
        sign_ins.c.expires_us > bindparam("now_us"),
        # A user who has not arrived yet is sent elsewhere when the host takes no more sessions.
        hosts.c.claim_rank.is_not(None),
    )
)


class _Supply(NamedTuple):
    """What a collection can give, so that nothing is looked for in vain.

    Attributes:
        keeps_hosts: Whether hosts are kept for users.
        ranks: Which ranks free hosts may have, the first to be taken first.
    """

    keeps_hosts: bool
    ranks: Sequence[int]


class _Targets(NamedTuple):
    """Where users want to go, as far as it is there.

    Attributes:
        collections: The collections, by name.
        types: Of which type an app group is, by name of the collection and id.
        supplies: What the collections can give, by name.
    """

    collections: dict[str, Collection]
    types: dict[tuple[str, str], str]
    supplies: dict[str, _Supply]


class _Found(NamedTuple):
    """A user's host, and what else a way to it consists of (`Way`)."""

    host: Host
    session_id: int | None = None
    status: Status | None = None
    is_new: bool = False


def find_ways(connection: Connection, asks: Sequence[Ask]) -> Sequence[Way]:
    """Answer all asks, with a few statements per collection (for `Database.lookup`)."""
    return _ways(connection, _targets(connection, asks), asks)


def find_or_claim(connection: Connection, arrivals: Sequence[Arrival]) -> Sequence[Way]:
    """Answer all arrivals, with a host for those who have none, as far as there are any.

    An operation for `Database.gather`. A way without a host means that the collection does not
    assign automatically, or that no host is free.
    """
    asks = [arrival.ask for arrival in arrivals]
    targets = _targets(connection, asks)
    ways = _ways(connection, targets, asks)
    claims: defaultdict[str, dict[str, Claim]] = defaultdict(dict)
    waiting: list[int] = []
    for number, (way, arrival) in enumerate(zip(ways, arrivals, strict=True)):
        if way.collection is not None and way.wants_host:
            claim = Claim(way.collection, arrival.person, arrival.author)
            claims[way.collection.name].setdefault(arrival.person.key, claim)
            waiting.append(number)
    taken = {
        name: _take(connection, by_user, targets.supplies[name]) for name, by_user in claims.items()
    }
    for number in waiting:
        way, arrival = ways[number], arrivals[number]
        by_user = taken[arrival.ask.collection]
        got = by_user.get(arrival.person.key)
        if got is not None:
            ways[number] = _way(way.collection, way.app_group_type, got)
            # Who arrives twice at once hears once that the host is new.
            by_user[arrival.person.key] = got._replace(is_new=False)
    return ways


def find_routed(
    connection: Connection, tenant: str, number: int
) -> tuple[Host, CollectionType] | None:
    """Return the host of a tenant that has a number in the store, and the type of its collection.

    None: there is no such host.
    """
    query = (
        select(hosts, collections.c.name.label("collection_name"), collections.c.type)
        .join(collections, hosts.c.collection_id == collections.c.id)
        .where(hosts.c.id == number, hosts.c.tenant == tenant)
    )
    row = connection.execute(query).one_or_none()
    return row and (host_of(row, row.collection_name), CollectionType(row.type))


def find_administrators(connection: Connection, host: Host) -> frozenset[str] | None:
    """Return the keys of the users whom a host's agent has made administrators.

    None: no agent has ever reported from the host.
    """
    query = select(host_reports.c.administrator_keys).where(host_reports.c.host == host.id)
    keys = connection.execute(query).scalar_one_or_none()
    return None if keys is None else frozenset(keys.split("\n"))


def _targets(connection: Connection, asks: Sequence[Ask]) -> _Targets:
    targets = _Targets({}, {}, {})
    names = {"names": sorted({ask.collection for ask in asks})}
    for row in connection.execute(_TARGETS, names):
        targets.collections[row.name] = collection_of(row)
        targets.types[row.name, row.app_group_id] = row.app_group_type
        # None that is free now may be free in a moment: it is looked for.
        ranks = [rank for rank in RANKS if rank >= (row.first_rank or 0)]
        targets.supplies[row.name] = _Supply(bool(row.keeps_hosts), ranks)
    return targets


def _ways(connection: Connection, targets: _Targets, asks: Sequence[Ask]) -> list[Way]:
    wanted: defaultdict[str, dict[str, int]] = defaultdict(dict)
    for ask in asks:
        wanted[ask.collection][ask.user_key] = ask.now_us
    # By collection: SQLite looks through every host for pairs of collection and user.
    found = {
        name: _find(connection, collection, wanted[name])
        for name, collection in targets.collections.items()
    }
    return [
        _way(
            targets.collections.get(ask.collection),
            targets.types.get((ask.collection, ask.app_group_id), ""),
            found.get(ask.collection, {}).get(ask.user_key),
        )
        for ask in asks
    ]


def _take(
    connection: Connection, by_user: Mapping[str, Claim], supply: _Supply
) -> dict[str, _Found]:
    """Return a host for each user, by key, as far as there are any; all are of one collection."""
    collection = next(iter(by_user.values())).collection
    if collection.draft.type is CollectionType.POOLED:
        placed = place_users(connection, collection, list(by_user.values()), supply.ranks)
        return {key: _Found(host) for key, host in placed.items()}
    taken = take_reserved(connection, collection, by_user) if supply.keeps_hosts else {}
    rest = [claim for key, claim in by_user.items() if key not in taken]
    # What was kept for users, or given to them meanwhile, may be closed; what was free is not.
    known = set(taken)
    if rest and collection.draft.auto_assign_user:
        claimed = take_hosts(connection, collection, rest, supply.ranks)
        taken |= claimed
        known |= {key for key, one in claimed.items() if not one.is_new}
    found = {key: _Found(one.host, is_new=one.is_new) for key, one in taken.items()}
    # Nearly always nobody has a session on a host that was free.
    used = [key for key, one in found.items() if one.host.load.sessions or not one.is_new]
    _add_sessions(connection, collection, found, used)
    _add_status(connection, found, known)
    return found


def _find(
    connection: Connection, collection: Collection, wanted: Mapping[str, int]
) -> dict[str, _Found]:
    if collection.draft.type is CollectionType.POOLED:
        return _find_in_pool(connection, collection, wanted)
    rows = connection.execute(_HELD, {"collection": collection.id, "user_keys": list(wanted)})
    found = {row.user_key: _Found(host_of(row, collection.name), row.session_id) for row in rows}
    _add_status(connection, found, found)
    return found


def _add_sessions(
    connection: Connection,
    collection: Collection,
    found: dict[str, _Found],
    user_keys: Sequence[str],
) -> None:
    """Add the sessions that users have on hosts they hold, and which host that is of several."""
    if not user_keys:
        return
    values = {"collection": collection.id, "user_keys": user_keys}
    for row in connection.execute(_AT_OWN, values):
        host = host_of(row, collection.name)
        found[row.of] = found[row.of]._replace(host=host, session_id=row.session_id)


def _find_in_pool(
    connection: Connection, collection: Collection, wanted: Mapping[str, int]
) -> dict[str, _Found]:
    values = {"collection": collection.id, "user_keys": list(wanted)}
    signing_in = connection.execute(_SIGNING_IN, values | {"now_us": max(wanted.values())})
    found = {row.of: _Found(host_of(row, collection.name)) for row in signing_in}
    for row in connection.execute(_IN_POOL, values):
        found[row.of] = _Found(host_of(row, collection.name), row.session_id)
    return found


def _add_status(connection: Connection, found: dict[str, _Found], user_keys: Iterable[str]) -> None:
    """Add to hosts that take nobody new, which are few, how these are."""
    closed = {found[key].host.id: key for key in user_keys if found[key].host.claim_rank is None}
    if not closed:
        return
    query = select(host_reports.c.host, host_reports.c.status).where(
        host_reports.c.host.in_(closed)
    )
    for row in connection.execute(query):
        key = closed[row.host]
        found[key] = found[key]._replace(status=Status(row.status))


def _way(collection: Collection | None, app_group_type: str, found: _Found | None) -> Way:
    if found is None:
        return Way(collection, app_group_type, None)
    return Way(collection, app_group_type, found.host, found.is_new, found.session_id, found.status)
