"""The hosts' questions to the database."""

from __future__ import annotations

import json
import secrets
import uuid
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    Row,
    Select,
    and_,
    case,
    delete,
    func,
    insert,
    literal,
    null,
    or_,
    select,
    update,
)

from broker_service.collections.rules import RDP_PORT, Collection
from broker_service.hosts.rules import (
    DEFAULT_WEIGHT,
    CheckResult,
    HealthCheck,
    Hold,
    Host,
    Load,
    NewConnections,
    NewHost,
    Report,
    Reservation,
    Status,
)
from broker_service.tables import host_reports, hosts

# SQLite allows 32,766 parameters in a statement; well below that, larger chunks gain nothing.
_CHUNK = 5_000
_CLAIM_KEY_BITS = 62
_MANY = 1_000
_INSERT = insert(hosts)
_STATUS = (
    select(host_reports.c.status)
    .where(host_reports.c.host == hosts.c.id)
    .correlate(hosts)  # and not with reports, where a query has them too
    .scalar_subquery()
)


def _rank(is_reserved: ColumnElement[bool]) -> ColumnElement[int | None]:
    """Who is taken first: 0 known to be well, 1 not known; NULL: nobody takes it."""
    return case(
        (
            or_(
                hosts.c.new_connections != NewConnections.YES.value,
                hosts.c.quarantined_us.is_not(None),
                is_reserved,
            ),
            null(),
        ),
        (_STATUS.is_(None), 1),
        (_STATUS == "UNAVAILABLE", null()),
        else_=0,
    )


_LOAD = (hosts.c.session_count + hosts.c.sign_in_count) * 10_000 // hosts.c.relative_weight
_RECKON = update(hosts).values(claim_rank=_rank(hosts.c.reserved_user_key.is_not(None)), load=_LOAD)
_REPORTED = select(
    hosts,
    host_reports.c.heartbeat_us,
    host_reports.c.status,
    host_reports.c.boot_id,
    host_reports.c.agent_version,
    host_reports.c.health_checks,
    host_reports.c.administrators,
).outerjoin(host_reports, host_reports.c.host == hosts.c.id)


def find_host(
    connection: Connection, collection: Collection, key: str, *, lock: bool = False
) -> Host | None:
    """Return a host of a collection by its key, or None; locked, nobody else can claim it."""
    query = reported(collection).where(hosts.c.host_key == key)
    row = connection.execute(locked(query) if lock else query).one_or_none()
    return None if row is None else reported_host(row, collection)


def find_hosts(
    connection: Connection, collection: Collection, keys: Iterable[str], *, lock: bool = False
) -> dict[str, Host]:
    """Return the hosts of a collection that have one of the keys, by key."""
    found: dict[str, Host] = {}
    for chunk in chunks(sorted(set(keys))):
        query = reported(collection).where(hosts.c.host_key.in_(chunk)).order_by(hosts.c.id)
        rows = connection.execute(locked(query) if lock else query)
        found.update((row.host_key, reported_host(row, collection)) for row in rows)
    return found


def keys_elsewhere(
    connection: Connection, collection: Collection, tenant: str, keys: Iterable[str]
) -> set[str]:
    """Return which of the keys belong to other collections of the tenant."""
    found: set[str] = set()
    for chunk in chunks(sorted(set(keys))):
        query = select(hosts.c.host_key).where(
            hosts.c.tenant == tenant,
            hosts.c.collection_id != collection.id,
            hosts.c.host_key.in_(chunk),
        )
        found.update(connection.execute(query).scalars())
    return found


def count_hosts(connection: Connection, collection: Collection) -> int:
    """Return how many hosts a collection has."""
    query = select(func.count()).where(hosts.c.collection_id == collection.id)
    return int(connection.execute(query).scalar_one())


def insert_hosts(
    connection: Connection,
    collection: Collection,
    tenant: str,
    wanted: Sequence[NewHost],
    now_us: int,
) -> None:
    """Add free hosts."""
    rows = [
        {
            "collection_id": collection.id,
            "tenant": tenant,
            "host_id": host.host_id,
            "host_key": host.key,
            "uid": str(uuid.uuid4()),
            "address": host.address,
            "port": host.port or RDP_PORT,
            "claim_key": secrets.randbits(_CLAIM_KEY_BITS),
            "version": 1,
            "created_us": now_us,
            "updated_us": now_us,
            "friendly_name": host.friendly_name,
            "new_connections": host.new_connections.value,
            "relative_weight": host.weight or DEFAULT_WEIGHT,
            "session_limit": host.session_limit,
            # Nobody has reported yet; what else ranks go by, `reckon` brings up to date.
            "claim_rank": 1 if host.new_connections is NewConnections.YES else None,
        }
        for host in wanted
    ]
    if rows:
        connection.execute(_INSERT, rows)
    if len(rows) >= _MANY and connection.dialect.name == "postgresql":
        # Its planner knows nothing of them until autovacuum comes by, after a minute or so, and
        # takes the few that are said to be free and sorts them (measured with 40,000 hosts: 3.5 ms
        # a claim instead of 0.2).
        connection.exec_driver_sql("ANALYZE hosts")


def delete_hosts(connection: Connection, ids: Iterable[int]) -> None:
    """Remove hosts."""
    for chunk in chunks(list(ids)):
        connection.execute(delete(hosts).where(hosts.c.id.in_(chunk)))


def reckon(connection: Connection, ids: Iterable[int]) -> None:
    """Bring up to date what claims go by: rank and load, from what else is in the rows.

    Called after every change of new_connections, quarantine, reservation, reports, sessions,
    sign-ins or weight, in the same transaction.
    """
    for chunk in chunks(list(ids)):
        connection.execute(_RECKON.where(hosts.c.id.in_(chunk)))


def is_free(now_us: int) -> ColumnElement[bool]:
    """What a claim would take, no more and no less: it ends the reservations that are over."""
    rank = _rank(hosts.c.reserved_until_us > now_us)
    return and_(hosts.c.user_key.is_(None), rank.is_not(None))


def next_us(now_us: int) -> ColumnElement[int]:
    """What a change at this time is dated (`Host.next_us`)."""
    return case(
        (hosts.c.updated_us > now_us, hosts.c.updated_us), else_=literal(now_us, BigInteger)
    )


def lock_hosts(connection: Connection, collection: Collection) -> Iterator[Host]:
    """Return every host of a collection by key, and lock them."""
    for row in connection.execute(locked(reported(collection).order_by(hosts.c.host_key))):
        yield reported_host(row, collection)


def list_all(connection: Connection, collection: Collection) -> Iterator[Host]:
    """Return every host of a collection by key, as it is stored and without its report."""
    query = select(hosts).where(hosts.c.collection_id == collection.id).order_by(hosts.c.host_key)
    for row in connection.execute(query):
        yield host_of(row, collection.name)


def lock_versions(
    connection: Connection, collection: Collection
) -> dict[str, tuple[int, int, str | None]]:
    """Return number, version and holder of every host of a collection, and lock them.

    By key. A twentieth of the time that `lock_hosts` takes.
    """
    query = (
        select(hosts.c.host_key, hosts.c.id, hosts.c.version, hosts.c.user_key)
        .where(hosts.c.collection_id == collection.id)
        .order_by(hosts.c.host_key)
        .with_for_update()
    )
    return {
        key: (number, version, user) for key, number, version, user in connection.execute(query)
    }


def locked(query: Select[Any]) -> Select[Any]:
    """Return a query of hosts whose rows nobody else can claim until the transaction ends."""
    return query.with_for_update(of=hosts)


def host_of(
    row: Row[Any], collection: str, *, report: Report | None = None, administrator: str = ""
) -> Host:
    """Return the host of a row that holds the columns of `hosts`."""
    hold = None
    if row.user_key is not None:
        hold = Hold(row.user, row.user_key, row.slot, row.assigned_us, row.assigned_by)
    return Host(
        id=row.id,
        collection=collection,
        host_id=row.host_id,
        key=row.host_key,
        uid=row.uid,
        address=row.address,
        port=row.port,
        hold=hold,
        version=row.version,
        created_us=row.created_us,
        updated_us=row.updated_us,
        friendly_name=row.friendly_name,
        new_connections=NewConnections(row.new_connections),
        drained_boot_id=row.drained_boot_id,
        load=Load(row.session_count, row.sign_in_count, row.relative_weight, row.session_limit),
        reservation=_reservation(row),
        quarantined_us=row.quarantined_us,
        claim_rank=row.claim_rank,
        report=report,
        administrator=administrator,
    )


def reported_host(row: Row[Any], collection: Collection) -> Host:
    """Return the host of a row of `reported`, with what its agent said."""
    return host_of(
        row,
        collection.name,
        report=_report(row),
        administrator=desired_administrator(collection, row.user),
    )


def desired_administrator(collection: Collection, user: str | None) -> str:
    """Return who is to be administrator on a host that a user holds, or nobody; empty: nobody."""
    return (user or "") if collection.draft.grant_administrative_privilege else ""


def checks_text(checks: Sequence[HealthCheck]) -> str:
    """Return checks as they are stored."""
    return json.dumps([(one.name, one.result.value, one.message) for one in checks])


def _report(row: Row[Any]) -> Report | None:
    if row.heartbeat_us is None:
        return None
    return Report(
        heartbeat_us=row.heartbeat_us,
        status=Status(row.status),
        boot_id=row.boot_id,
        agent_version=row.agent_version,
        checks=tuple(
            HealthCheck(name, CheckResult(result), message)
            for name, result, message in json.loads(row.health_checks)
        ),
        administrators=tuple(json.loads(row.administrators)),
    )


def _reservation(row: Row[Any]) -> Reservation | None:
    if row.reserved_user_key is None:
        return None
    return Reservation(
        row.reserved_user, row.reserved_user_key, row.reserved_until_us, row.reserved_by
    )


def reported(collection: Collection) -> Select[Any]:
    """Return the query of a collection's hosts with what their agents said."""
    return _REPORTED.where(hosts.c.collection_id == collection.id)


def chunks(values: Sequence[Any]) -> Iterator[Sequence[Any]]:
    """Cut a long list of parameters into pieces that fit into a statement."""
    for start in range(0, len(values), _CHUNK):
        yield values[start : start + _CHUNK]
