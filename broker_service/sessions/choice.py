"""Leading a user to the host they ask for."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, select

from broker_service.assignments.claims import Claim
from broker_service.assignments.rules import host_held, require_available, user_limit
from broker_service.assignments.store import held_by, hold
from broker_service.collections.rules import Collection
from broker_service.collections.store import lock_collection
from broker_service.history.rules import Cause
from broker_service.hosts.rules import Host, Status
from broker_service.hosts.usecases import require_host
from broker_service.sessions.placement import is_signing_in, send_to
from broker_service.sessions.rules import (
    Arrival,
    Way,
    host_full,
    not_assigned,
    obstacle_of,
)
from broker_service.sessions.store import find_ways
from broker_service.tables import host_reports, sessions


def find_or_take(connection: Connection, arrival: Arrival, host_id: str) -> Way:
    """Return a user's way to one host, which is assigned to them when it is free and may be.

    Raises:
        NotFound: The host is not in the collection.
        FailedPrecondition: It is held by another, kept for another, in quarantine, draining, out
            of order or full; the user is at the limit; or nothing is assigned automatically.
    """
    (way,) = find_ways(connection, [arrival.ask])
    if way.collection is None or not way.app_group_type:
        return way
    collection = lock_collection(connection, way.collection.name)
    host = require_host(connection, collection, host_id, lock=True)
    found = Way(
        collection,
        way.app_group_type,
        host,
        session_id=_session_of(connection, host, arrival),
        status=_status(connection, host),
    )
    if way.is_pooled:
        return _into_pool(connection, found, host, arrival)
    if host.hold is not None and host.hold.user_key == arrival.person.key:
        return found
    return _assigned(connection, found, host, arrival)


def _into_pool(connection: Connection, way: Way, host: Host, arrival: Arrival) -> Way:
    collection = _of(way)
    if way.session_id is not None:
        return way
    _refuse_closed(way, host)
    if is_signing_in(connection, collection, host, arrival.person.key, arrival.author.now_us):
        return way
    limit = collection.draft.max_sessions_per_host
    if not host.load.has_room(limit):
        raise host_full(host, host.load.limit or limit)
    claim = Claim(collection, arrival.person, arrival.author)
    send_to(connection, collection, [(claim, host)])
    return way


def _assigned(connection: Connection, way: Way, host: Host, arrival: Arrival) -> Way:
    collection, person = _of(way), arrival.person
    if host.hold is not None:
        raise host_held(host, person.user, way_out="ask its administrator")
    now_us = arrival.author.now_us
    require_available(
        host,
        person,
        now_us=now_us,
        over_reservation="choose another host",
        over_quarantine="choose another host",
    )
    if host.reservation_at(now_us) is None and not collection.draft.auto_assign_user:
        raise not_assigned(collection, person.user)
    _refuse_closed(way, host)
    held: Sequence[Host] = held_by(connection, collection, person.key, lock=True)
    if len(held) >= collection.max_desktops_per_user:
        raise user_limit(
            collection, host.host_id, person.user, held, way_out="ask its administrator"
        )
    hold(
        connection,
        collection,
        [(host, person)],
        cause=Cause.CLAIM,
        authors=[arrival.author],
    )
    return way._replace(host=require_host(connection, collection, host.host_id), is_new=True)


def _refuse_closed(way: Way, host: Host) -> None:
    obstacle = obstacle_of(host, way.status)
    if obstacle is not None:
        raise obstacle


def _status(connection: Connection, host: Host) -> Status | None:
    query = select(host_reports.c.status).where(host_reports.c.host == host.id)
    status = connection.execute(query).scalar()
    return None if status is None else Status(status)


def _session_of(connection: Connection, host: Host, arrival: Arrival) -> int | None:
    query = select(sessions.c.session_id).where(
        sessions.c.host == host.id, sessions.c.user_key == arrival.person.key
    )
    session_id: int | None = connection.execute(query.order_by(sessions.c.session_id)).scalar()
    return session_id


def _of(way: Way) -> Collection:
    if way.collection is None:
        raise RuntimeError("a way to a host is asked for without its collection")
    return way.collection
