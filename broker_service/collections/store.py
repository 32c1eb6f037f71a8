"""The collections' questions to the database."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from typing import Any

from sqlalchemy import Connection, Row, delete, func, insert, select, update

from broker_service.collections.rules import (
    Collection,
    CollectionType,
    Draft,
    Gateway,
    LoadBalancing,
    ReleasePolicy,
    RoutingTokenFormat,
    SessionLimits,
)
from broker_service.tables import app_groups, collections, hosts
from deskhold.chassis.paging import Page
from deskhold.errors import NotFound
from deskhold.identities import UserNameFormat

_HELD = func.count(hosts.c.user_key)
_COUNTED = (
    select(collections, func.count(hosts.c.id).label("host_count"), _HELD.label("held_count"))
    .outerjoin(hosts, hosts.c.collection_id == collections.c.id)
    .group_by(collections.c.id)
)


def find_collection(connection: Connection, name: str) -> Collection | None:
    """Return a collection without its counts, or None."""
    query = select(collections).where(collections.c.name == name)
    row = connection.execute(query).one_or_none()
    return None if row is None else collection_of(row)


def require_collection(connection: Connection, name: str) -> Collection:
    """Return a collection without its counts.

    Raises:
        NotFound: There is none of this name.
    """
    return _required(find_collection(connection, name), name)


def require_same(connection: Connection, collection: Collection) -> None:
    """Check that a collection read earlier is still there; its number may be another's by now.

    Raises:
        NotFound: It was deleted.
    """
    query = select(collections.c.uid).where(collections.c.id == collection.id)
    if connection.execute(query).scalar() != collection.uid:
        raise _not_found(collection.name)


def count_collection(connection: Connection, name: str) -> Collection:
    """Return a collection with its counts.

    Raises:
        NotFound: There is none of this name.
    """
    row = connection.execute(_COUNTED.where(collections.c.name == name)).one_or_none()
    return _required(None if row is None else collection_of(row), name)


def list_collections(connection: Connection, tenant: str, page: Page) -> list[Collection]:
    """Return the collections of a page by name with their counts, and one more if any follow."""
    query = _COUNTED.where(collections.c.tenant == tenant).order_by(collections.c.name)
    if page.after is not None:
        query = query.where(collections.c.name > page.after)
    return [collection_of(row) for row in connection.execute(query.limit(page.probe))]


def lock_collection(connection: Connection, name: str) -> Collection:
    """Return a collection, as `require_collection`, and let no other process change what is in it.

    Taken first by whatever an administrator changes, so that what is read afterwards stays true
    until the transaction ends. Claims do not wait for it: they lock the hosts they take. Nor do
    rows that refer to it, as sessions and sign-ins do, whose writers hold hosts already and would
    wait in a circle. SQLite has one writer and ignores it.

    Raises:
        NotFound: There is none of this name.
    """
    query = select(collections).where(collections.c.name == name).with_for_update(key_share=True)
    row = connection.execute(query).one_or_none()
    return _required(None if row is None else collection_of(row), name)


def insert_collection(
    connection: Connection,
    *,
    name: str,
    tenant: str,
    uid: str,
    draft: Draft,
    app_group_ids: Iterable[str],
    now_us: int,
) -> Collection:
    """Add a collection and its app groups; return it."""
    draft = draft.settled
    result = connection.execute(
        insert(collections).values(
            name=name,
            tenant=tenant,
            uid=uid,
            type=draft.type.value,
            auto_assign_user=draft.auto_assign_user,
            grant_administrative_privilege=draft.grant_administrative_privilege,
            version=1,
            created_us=now_us,
            updated_us=now_us,
            **_changeable(draft),
        )
    )
    key = result.inserted_primary_key
    if key is None:
        raise RuntimeError("the database gave the new collection no number")
    for app_group_id in app_group_ids:
        connection.execute(
            insert(app_groups).values(
                collection_id=key[0],
                app_group_id=app_group_id,
                uid=str(uuid.uuid4()),
                created_us=now_us,
                updated_us=now_us,
            )
        )
    return Collection(
        int(key[0]), name, uid, draft, version=1, created_us=now_us, updated_us=now_us
    )


def update_collection(connection: Connection, collection: Collection) -> None:
    """Write what can be changed of a collection."""
    own = update(collections).where(collections.c.id == collection.id)
    connection.execute(
        own.values(
            version=collection.version,
            updated_us=collection.updated_us,
            **_changeable(collection.draft),
        )
    )


def find_above_limit(
    connection: Connection, collection: Collection, limit: int
) -> tuple[str, int] | None:
    """Return a user who holds more hosts than that, and how many; None when nobody does."""
    count = func.count()
    query = (
        select(func.min(hosts.c.user), count)
        .where(hosts.c.collection_id == collection.id, hosts.c.user_key.is_not(None))
        .group_by(hosts.c.user_key)
        .having(count > limit)
        .order_by(hosts.c.user_key)
        .limit(1)
    )
    row = connection.execute(query).one_or_none()
    return None if row is None else (str(row[0]), int(row[1]))


def app_group_names(connection: Connection, collection: Collection) -> list[str]:
    """Return the names of a collection's app groups, by id."""
    query = select(app_groups.c.app_group_id).where(app_groups.c.collection_id == collection.id)
    ids = connection.execute(query.order_by(app_groups.c.app_group_id)).scalars()
    return [f"{collection.name}/appGroups/{one}" for one in ids]


def delete_collection(connection: Connection, collection: Collection) -> None:
    """Remove a collection without hosts, and its app groups."""
    connection.execute(delete(app_groups).where(app_groups.c.collection_id == collection.id))
    connection.execute(delete(collections).where(collections.c.id == collection.id))


def collection_of(row: Row[Any]) -> Collection:
    """Return the collection of a row that holds the columns of `collections`."""
    is_personal = row.type == CollectionType.PERSONAL.value
    return Collection(
        id=row.id,
        name=row.name,
        uid=row.uid,
        draft=Draft(
            display_name=row.display_name,
            description=row.description,
            type=CollectionType(row.type),
            auto_assign_user=bool(row.auto_assign_user),
            grant_administrative_privilege=bool(row.grant_administrative_privilege),
            max_desktops_per_user=row.max_desktops_per_user,
            custom_rdp_properties=row.custom_rdp_properties,
            load_balancing=None if is_personal else LoadBalancing(row.load_balancing),
            max_sessions_per_host=row.max_sessions_per_host,
            session_limits=SessionLimits(
                row.active_limit_minutes, row.disconnected_limit_minutes, row.idle_limit_minutes
            ),
            release_policy=ReleasePolicy(row.release_policy) if is_personal else None,
            gateway=_gateway_of(row),
            user_name_format=UserNameFormat(row.user_name_format),
        ),
        version=row.version,
        created_us=row.created_us,
        updated_us=row.updated_us,
        host_count=getattr(row, "host_count", 0),
        assigned_host_count=getattr(row, "held_count", 0),
    )


def _changeable(draft: Draft) -> dict[str, Any]:
    """Return the columns that an update writes."""
    gateway = draft.gateway or Gateway("", 0)
    return {
        "display_name": draft.display_name,
        "description": draft.description,
        "max_desktops_per_user": draft.max_desktops_per_user,
        "custom_rdp_properties": draft.custom_rdp_properties,
        "load_balancing": (draft.load_balancing or LoadBalancing.BREADTH_FIRST).value,
        "max_sessions_per_host": draft.max_sessions_per_host,
        "active_limit_minutes": draft.session_limits.active,
        "disconnected_limit_minutes": draft.session_limits.disconnected,
        "idle_limit_minutes": draft.session_limits.idle,
        "release_policy": (draft.release_policy or ReleasePolicy.FREE).value,
        "gateway_address": gateway.address,
        "gateway_port": gateway.port,
        "routing_token_format": gateway.token_format.value,
        "user_name_format": draft.user_name_format.value,
    }


def _gateway_of(row: Row[Any]) -> Gateway | None:
    if not row.gateway_address:
        return None
    format = RoutingTokenFormat(row.routing_token_format)
    return Gateway(row.gateway_address, row.gateway_port, format)


def _required(collection: Collection | None, name: str) -> Collection:
    if collection is None:
        raise _not_found(name)
    return collection


def _not_found(name: str) -> NotFound:
    return NotFound(
        f"there is no collection {name}; see them with: deskhold collection list",
        reason="COLLECTION_NOT_FOUND",
        metadata={"collection": name},
    )
