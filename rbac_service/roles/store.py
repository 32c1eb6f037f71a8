"""The role definitions' questions to the database; built-in roles are not stored."""

from __future__ import annotations

import json
from collections.abc import Sequence

from sqlalchemy import Connection, insert, select, update

from deskhold.chassis.paging import Page
from rbac_service.log.rules import Change, ChangeKind
from rbac_service.roles.builtin import BUILT_IN_ROLES
from rbac_service.roles.rules import RoleDefinition
from rbac_service.tables import role_assignments, role_definitions, role_versions

_BUILT_IN = {role.id: role for role in BUILT_IN_ROLES}
_BUILT_IN_NAMES = {role.display_name.lower(): role for role in BUILT_IN_ROLES}


def find_role(
    connection: Connection, role_id: str, *, deleted: bool = False
) -> RoleDefinition | None:
    """Return the role of an id, built-in or custom, or None; a deleted one only when asked for."""
    built_in = _BUILT_IN.get(role_id)
    if built_in is not None:
        return built_in
    content = connection.execute(
        select(role_definitions.c.content).where(role_definitions.c.id == role_id)
    ).scalar_one_or_none()
    role = None if content is None else RoleDefinition.of_row(json.loads(content))
    return None if role is None or (role.deleted_us is not None and not deleted) else role


def find_role_named(connection: Connection, name: str) -> RoleDefinition | None:
    """Return the role in force of a resource name, an id or a display name, or None."""
    folded = name.lower()
    if folded in _BUILT_IN_NAMES:
        return _BUILT_IN_NAMES[folded]
    by_id = find_role(connection, folded.removeprefix("roledefinitions/"))
    if by_id is not None:
        return by_id
    content = connection.execute(
        select(role_definitions.c.content).where(role_definitions.c.name_key == folded)
    ).scalar_one_or_none()
    return None if content is None else RoleDefinition.of_row(json.loads(content))


def list_custom_roles(connection: Connection, *, deleted: bool) -> list[RoleDefinition]:
    """Return all custom roles; deleted ones only when asked for."""
    query = select(role_definitions.c.content)
    if not deleted:
        query = query.where(role_definitions.c.deleted_us.is_(None))
    return [
        RoleDefinition.of_row(json.loads(content))
        for content in connection.execute(query).scalars()
    ]


def list_versions(connection: Connection, role_id: str, page: Page) -> list[RoleDefinition]:
    """Return what a role was, newest first, and one more when another page follows."""
    query = (
        select(role_versions.c.content)
        .where(role_versions.c.role_id == role_id)
        .order_by(role_versions.c.version.desc())
        .limit(page.probe)
    )
    if page.after is not None:
        query = query.where(role_versions.c.version < int(page.after))
    return [
        RoleDefinition.of_row(json.loads(content))
        for content in connection.execute(query).scalars()
    ]


def put_role(connection: Connection, role: RoleDefinition, revision: int) -> list[Change]:
    """Write a role as it is from now on, and its version; return the changes for the log."""
    before = find_role(connection, role.id, deleted=True)
    content = json.dumps(role.row, sort_keys=True)
    values = {
        "name_key": role.id if role.deleted_us is not None else role.display_name.lower(),
        "content": content,
        "deleted_us": role.deleted_us,
        "revision": revision,
    }
    if before is None:
        connection.execute(insert(role_definitions).values(id=role.id, **values))
    else:
        connection.execute(
            update(role_definitions).where(role_definitions.c.id == role.id).values(**values)
        )
    connection.execute(
        insert(role_versions).values(role_id=role.id, version=role.version, content=content)
    )
    changes = []
    if before is not None and before.deleted_us is None:
        changes.append(Change(ChangeKind.REMOVE_ROLE_DEFINITION, before.row))
    if role.deleted_us is None:
        changes.append(Change(ChangeKind.ADD_ROLE_DEFINITION, role.row))
    return changes


def is_name_taken(connection: Connection, display_name: str, role_id: str) -> bool:
    """Say whether another role in force has a display name."""
    folded = display_name.lower()
    query = select(role_definitions.c.id).where(
        role_definitions.c.name_key == folded, role_definitions.c.id != role_id
    )
    return folded in _BUILT_IN_NAMES or connection.execute(query).first() is not None


def assigned_at(connection: Connection, role_id: str) -> Sequence[tuple[str, str]]:
    """Return (scope, holder's key) of every assignment of a role."""
    query = select(role_assignments.c.scope, role_assignments.c.principal_key).where(
        role_assignments.c.role_id == role_id
    )
    return [(row.scope, row.principal_key) for row in connection.execute(query)]
