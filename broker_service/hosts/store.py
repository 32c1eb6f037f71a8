"""The hosts' questions to the database."""

from __future__ import annotations

import secrets
import uuid
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from sqlalchemy import Connection, Row, Select, delete, func, insert, select

from broker_service.collections.rules import Collection
from broker_service.hosts.rules import DEFAULT_PORT, Hold, Host, NewHost
from broker_service.tables import hosts
from deskhold.chassis.paging import Page

# SQLite allows 32,766 parameters in a statement; well below that, larger chunks gain nothing.
_CHUNK = 5_000
_CLAIM_KEY_BITS = 62
_INSERT = insert(hosts)


def find_host(
    connection: Connection, collection: Collection, key: str, *, lock: bool = False
) -> Host | None:
    """Return a host of a collection by its key, or None; locked, nobody else can claim it."""
    query = _of(collection).where(hosts.c.host_key == key)
    row = connection.execute(locked(query) if lock else query).one_or_none()
    return None if row is None else host_of(row, collection.name)


def find_hosts(
    connection: Connection, collection: Collection, keys: Iterable[str], *, lock: bool = False
) -> dict[str, Host]:
    """Return the hosts of a collection that have one of the keys, by key."""
    found: dict[str, Host] = {}
    for chunk in chunks(sorted(set(keys))):
        query = _of(collection).where(hosts.c.host_key.in_(chunk)).order_by(hosts.c.id)
        rows = connection.execute(locked(query) if lock else query)
        found.update((row.host_key, host_of(row, collection.name)) for row in rows)
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


def list_hosts(connection: Connection, collection: Collection, page: Page) -> list[Host]:
    """Return the hosts of a page by key, and one more when another page follows."""
    query = _of(collection).order_by(hosts.c.host_key).limit(page.probe)
    if page.after is not None:
        query = query.where(hosts.c.host_key > page.after)
    return [host_of(row, collection.name) for row in connection.execute(query)]


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
            "port": host.port or DEFAULT_PORT,
            "claim_key": secrets.randbits(_CLAIM_KEY_BITS),
            "version": 1,
            "created_us": now_us,
        }
        for host in wanted
    ]
    if rows:
        connection.execute(_INSERT, rows)


def delete_hosts(connection: Connection, ids: Iterable[int]) -> None:
    """Remove hosts."""
    for chunk in chunks(list(ids)):
        connection.execute(delete(hosts).where(hosts.c.id.in_(chunk)))


def lock_hosts(connection: Connection, collection: Collection) -> Iterator[Host]:
    """Return every host of a collection by key, and let nobody claim one."""
    for row in connection.execute(locked(_of(collection).order_by(hosts.c.host_key))):
        yield host_of(row, collection.name)


def locked(query: Select[Any]) -> Select[Any]:
    """Return a query of hosts whose rows nobody else can claim until the transaction ends."""
    return query.with_for_update()


def host_of(row: Row[Any], collection: str) -> Host:
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
    )


def _of(collection: Collection) -> Select[Any]:
    return select(hosts).where(hosts.c.collection_id == collection.id)


def chunks(values: Sequence[Any]) -> Iterator[Sequence[Any]]:
    """Cut a long list of parameters into pieces that fit into a statement."""
    for start in range(0, len(values), _CHUNK):
        yield values[start : start + _CHUNK]
