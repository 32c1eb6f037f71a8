"""The app groups' questions to the database."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

from sqlalchemy import Connection, Row, delete, func, insert, select, update

from broker_service.app_groups.rules import (
    AppGroup,
    AppGroupDraft,
    AppGroupType,
    Application,
    app_group_not_found,
)
from broker_service.collections.rules import Collection
from broker_service.tables import app_groups
from deskhold.chassis.paging import Page
from deskhold.names import Name


def find_app_group(
    connection: Connection, collection: Collection, app_group_id: str
) -> AppGroup | None:
    """Return an app group of a collection, or None."""
    query = select(app_groups).where(
        app_groups.c.collection_id == collection.id, app_groups.c.app_group_id == app_group_id
    )
    row = connection.execute(query).one_or_none()
    return None if row is None else app_group_of(row, collection.name)


def require_app_group(connection: Connection, collection: Collection, name: Name) -> AppGroup:
    """Return an app group of a collection.

    Raises:
        NotFound: The collection has none of this name.
    """
    found = find_app_group(connection, collection, name.id)
    if found is None:
        raise app_group_not_found(name.text)
    return found


def list_app_groups(connection: Connection, collection: Collection, page: Page) -> list[AppGroup]:
    """Return the app groups of a page by id, and one more when another page follows."""
    query = select(app_groups).where(app_groups.c.collection_id == collection.id)
    if page.after is not None:
        query = query.where(app_groups.c.app_group_id > page.after)
    rows = connection.execute(query.order_by(app_groups.c.app_group_id).limit(page.probe))
    return [app_group_of(row, collection.name) for row in rows]


def count_app_groups(connection: Connection, collection: Collection) -> int:
    """Return how many app groups a collection has."""
    query = select(func.count()).where(app_groups.c.collection_id == collection.id)
    return int(connection.execute(query).scalar_one())


def insert_app_group(
    connection: Connection,
    collection: Collection,
    app_group_id: str,
    draft: AppGroupDraft,
    *,
    uid: str,
    now_us: int,
) -> None:
    """Add an app group."""
    connection.execute(
        insert(app_groups).values(
            collection_id=collection.id,
            app_group_id=app_group_id,
            uid=uid,
            type=draft.type.value,
            version=1,
            created_us=now_us,
            updated_us=now_us,
            **_changeable(draft),
        )
    )


def update_app_group(connection: Connection, app_group: AppGroup) -> None:
    """Write what can be changed of an app group."""
    own = update(app_groups).where(app_groups.c.id == app_group.id)
    connection.execute(
        own.values(
            version=app_group.version,
            updated_us=app_group.updated_us,
            **_changeable(app_group.draft),
        )
    )


def delete_app_group(connection: Connection, app_group: AppGroup) -> None:
    """Remove an app group."""
    connection.execute(delete(app_groups).where(app_groups.c.id == app_group.id))


def app_group_of(row: Row[Any], collection: str) -> AppGroup:
    """Return the app group of a row that holds the columns of `app_groups`."""
    return AppGroup(
        id=row.id,
        name=f"{collection}/appGroups/{row.app_group_id}",
        uid=row.uid,
        draft=AppGroupDraft(
            type=AppGroupType(row.type),
            display_name=row.display_name,
            description=row.description,
            applications=tuple(Application(**one) for one in json.loads(row.applications)),
        ),
        version=row.version,
        created_us=row.created_us,
        updated_us=row.updated_us,
    )


def _changeable(draft: AppGroupDraft) -> dict[str, Any]:
    return {
        "display_name": draft.display_name,
        "description": draft.description,
        "applications": json.dumps([asdict(one) for one in draft.applications], ensure_ascii=False),
    }
