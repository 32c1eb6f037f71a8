"""Finding the way of many users at once."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from sqlalchemy import Connection, bindparam, select

from broker_service.assignments.claims import Claim, held_hosts, take_hosts, take_reserved
from broker_service.collections.rules import Collection, CollectionType
from broker_service.collections.store import collection_of
from broker_service.hosts.rules import Status
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
from deskhold.chassis.statements import PreparedForKeys

_TARGETS = PreparedForKeys(
    lambda names: (
        select(collections, app_groups.c.app_group_id, app_groups.c.type.label("app_group_type"))
        .join(app_groups, app_groups.c.collection_id == collections.c.id)
        .where(collections.c.name.in_(names))
    ),
    collections.c.name.type,
)
# On hosts that they hold; a session that a user has left on another's host is no way back.
_AT_OWN = PreparedForKeys(
    lambda user_keys: (
        select(hosts, sessions.c.user_key.label("of"), sessions.c.session_id)
        .join(sessions, sessions.c.host == hosts.c.id)
        .where(
            sessions.c.collection_id == bindparam("collection"),
            sessions.c.user_key.in_(user_keys),
            hosts.c.user_key == sessions.c.user_key,
        )
        # Of several the oldest of the lowest slot comes last and stays.
        .order_by(hosts.c.slot.desc(), sessions.c.session_id.desc())
    ),
    sessions.c.user_key.type,
)
_IN_POOL = PreparedForKeys(
    lambda user_keys: (
        select(hosts, sessions.c.user_key.label("of"), sessions.c.session_id)
        .join(sessions, sessions.c.host == hosts.c.id)
        .where(
            sessions.c.collection_id == bindparam("collection"),
            sessions.c.user_key.in_(user_keys),
        )
        .order_by(sessions.c.host.desc(), sessions.c.session_id.desc())
    ),
    sessions.c.user_key.type,
)
_SIGNING_IN = PreparedForKeys(
    lambda user_keys: (
        select(hosts, sign_ins.c.user_key.label("of"))
        .join(sign_ins, sign_ins.c.host == hosts.c.id)
        .where(
            sign_ins.c.collection_id == bindparam("collection"),
            sign_ins.c.user_key.in_(user_keys),
            sign_ins.c.expires_us > bindparam("now_us"),
            # Who has not arrived yet is sent elsewhere when the host takes nobody any more.
            hosts.c.claim_rank.is_not(None),
        )
    ),
    sign_ins.c.user_key.type,
)


def find_ways(connection: Connection, asks: Sequence[Ask]) -> Sequence[Way]:
    """Answer all asks, with a few statements per collection (an operation for `Lane.gather`)."""
    types: dict[tuple[str, str], str] = {}
    by_name: dict[str, Collection] = {}
    for row in _TARGETS.run(connection, sorted({ask.collection for ask in asks}), {}):
        by_name[row.name] = collection_of(row)
        types[row.name, row.app_group_id] = row.app_group_type
    wanted: defaultdict[str, dict[str, int]] = defaultdict(dict)
    for ask in asks:
        wanted[ask.collection][ask.user_key] = ask.now_us
    # By collection: SQLite looks through every host for pairs of collection and user.
    found = {
        (name, key): way
        for name, collection in by_name.items()
        for key, way in _ways_in(connection, collection, wanted[name]).items()
    }
    return [
        replace(
            found.get((ask.collection, ask.user_key)) or Way(by_name.get(ask.collection), "", None),
            app_group_type=types.get((ask.collection, ask.app_group_id), ""),
        )
        for ask in asks
    ]


def find_or_claim(connection: Connection, arrivals: Sequence[Arrival]) -> Sequence[Way]:
    """Answer all arrivals, with a host for those who have none, as far as there are any.

    An operation for the writer's lane. A way without a host means that the collection does not
    assign automatically, or that no host is free.
    """
    ways = find_ways(connection, [arrival.ask for arrival in arrivals])
    claims: defaultdict[str, dict[str, Claim]] = defaultdict(dict)
    collections_: dict[str, Collection] = {}
    firsts: dict[tuple[str, str], int] = {}
    for number, (way, arrival) in enumerate(zip(ways, arrivals, strict=True)):
        if way.collection is not None and way.wants_host:
            name, key = way.collection.name, arrival.person.key
            firsts.setdefault((name, key), number)
            claims[name].setdefault(key, Claim(way.collection, arrival.person, arrival.author))
            collections_[name] = way.collection
    taken = {
        (name, key): way
        for name, by_user in claims.items()
        for key, way in _take(connection, collections_[name], by_user).items()
    }
    return [
        _with_host(way, arrival, taken, is_first=_is_first(firsts, arrival, number))
        for number, (way, arrival) in enumerate(zip(ways, arrivals, strict=True))
    ]


def _take(
    connection: Connection, collection: Collection, by_user: Mapping[str, Claim]
) -> dict[str, Way]:
    if collection.draft.type is CollectionType.POOLED:
        placed = place_users(connection, collection, list(by_user.values()))
        return {key: Way(collection, "", host) for key, host in placed.items()}
    taken = take_reserved(connection, collection, by_user)
    rest = [claim for key, claim in by_user.items() if key not in taken]
    # What was kept for users, or given to them meanwhile, may be closed; what was free is not.
    known = set(taken)
    if rest and collection.draft.auto_assign_user:
        claimed = take_hosts(connection, collection, rest)
        taken |= claimed
        known |= {key for key, one in claimed.items() if not one.is_new}
    ways = {key: Way(collection, "", one.host) for key, one in taken.items()}
    ways |= _at_own(connection, collection, taken)
    ways |= _with_status(connection, {key: ways[key] for key in known})
    return {key: replace(way, is_new=taken[key].is_new) for key, way in ways.items()}


def _is_first(firsts: Mapping[tuple[str, str], int], arrival: Arrival, number: int) -> bool:
    # Who arrives twice at once hears once that the host is new.
    return firsts.get((arrival.ask.collection, arrival.person.key)) == number


def _with_host(
    way: Way, arrival: Arrival, taken: Mapping[tuple[str, str], Way], *, is_first: bool
) -> Way:
    got = taken.get((arrival.ask.collection, arrival.person.key)) if way.wants_host else None
    if got is None:
        return way
    return replace(got, app_group_type=way.app_group_type, is_new=got.is_new and is_first)


def _ways_in(
    connection: Connection, collection: Collection, wanted: Mapping[str, int]
) -> dict[str, Way]:
    if collection.draft.type is CollectionType.POOLED:
        return _pooled_ways(connection, collection, wanted)
    held = held_hosts(connection, collection, wanted)
    if not held:
        return {}
    ways = {key: Way(collection, "", host) for key, host in held.items()}
    ways |= _at_own(connection, collection, held)
    return ways | _with_status(connection, ways)


def _at_own(
    connection: Connection, collection: Collection, user_keys: Iterable[str]
) -> dict[str, Way]:
    rows = _AT_OWN.run(connection, list(user_keys), {"collection": collection.id})
    return {
        row.of: Way(collection, "", host_of(row, collection.name), session_id=row.session_id)
        for row in rows
    }


def _pooled_ways(
    connection: Connection, collection: Collection, wanted: Mapping[str, int]
) -> dict[str, Way]:
    keys = list(wanted)
    now_us = max(wanted.values())
    signing_in = _SIGNING_IN.run(connection, keys, {"collection": collection.id, "now_us": now_us})
    ways = {row.of: Way(collection, "", host_of(row, collection.name)) for row in signing_in}
    for row in _IN_POOL.run(connection, keys, {"collection": collection.id}):
        host = host_of(row, collection.name)
        ways[row.of] = Way(collection, "", host, session_id=row.session_id)
    return ways


def _with_status(connection: Connection, ways: Mapping[str, Way]) -> dict[str, Way]:
    """Return the ways to hosts that take nobody new, with how these are; they are few."""
    closed = {
        way.host.id: key
        for key, way in ways.items()
        if way.host is not None and way.host.claim_rank is None
    }
    if not closed:
        return {}
    query = select(host_reports.c.host, host_reports.c.status).where(
        host_reports.c.host.in_(closed)
    )
    return {
        closed[row.host]: replace(ways[closed[row.host]], status=Status(row.status))
        for row in connection.execute(query)
    }
