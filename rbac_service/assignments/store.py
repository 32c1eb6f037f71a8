"""The role assignments' questions to the database."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, delete, func, insert, or_, select, tuple_

from deskhold.chassis.paging import Page
from deskhold.names import ancestors
from rbac_service.assignments.rules import RoleAssignment
from rbac_service.log.rules import Change, ChangeKind
from rbac_service.scopes.store import below
from rbac_service.tables import role_assignments as table


@dataclass(frozen=True, slots=True)
class Filter:
    """Which role assignments a list is to show; what is None does not matter.

    Attributes:
        scope: Those at it, above it and below it.
        principal_keys: Those of these principals.
        role_id: Those of this role.
        at_scope_only: Neither above nor below.
    """

    scope: str
    principal_keys: Sequence[str] | None
    role_id: str | None
    at_scope_only: bool


def find(connection: Connection, assignment_id: str) -> RoleAssignment | None:
    """Return the role assignment of an id, or None."""
    row = connection.execute(select(table).where(table.c.id == assignment_id)).one_or_none()
    return None if row is None else RoleAssignment.of_row(row)


def find_same(
    connection: Connection, scope: str, principal_key: str, role_id: str
) -> RoleAssignment | None:
    """Return the assignment of a role to a principal at a scope, or None."""
    row = connection.execute(
        select(table).where(
            table.c.scope == scope,
            table.c.principal_key == principal_key,
            table.c.role_id == role_id,
        )
    ).one_or_none()
    return None if row is None else RoleAssignment.of_row(row)


def insert_assignment(connection: Connection, assignment: RoleAssignment) -> Change:
    """Add a role assignment; return the change for the log."""
    connection.execute(insert(table).values(assignment.row))
    return Change(ChangeKind.ADD_ROLE_ASSIGNMENT, assignment.row)


def delete_assignment(connection: Connection, assignment: RoleAssignment) -> Change:
    """Remove a role assignment; return the change for the log."""
    connection.execute(delete(table).where(table.c.id == assignment.id))
    return Change(ChangeKind.REMOVE_ROLE_ASSIGNMENT, assignment.row)


def delete_at_or_below(connection: Connection, path: str) -> list[Change]:
    """Remove every role assignment at a scope and below it; return the changes for the log."""
    condition = or_(table.c.scope == path, below(table.c.scope, path))
    rows = connection.execute(select(table).where(condition).order_by(table.c.id)).all()
    connection.execute(delete(table).where(condition))
    return [
        Change(ChangeKind.REMOVE_ROLE_ASSIGNMENT, RoleAssignment.of_row(row).row) for row in rows
    ]


def count_permanent_users(connection: Connection, scope: str, role_id: str) -> int:
    """Return how many users hold a role at a scope for ever, by assignments of their own."""
    query = select(func.count()).where(
        table.c.scope == scope,
        table.c.role_id == role_id,
        table.c.principal_kind == "user",
        table.c.start_us.is_(None),
        table.c.expire_us.is_(None),
    )
    return int(connection.execute(query).scalar_one())


def held_by(connection: Connection, principal_keys: Sequence[str]) -> list[RoleAssignment]:
    """Return every role assignment of some principals."""
    query = select(table).where(table.c.principal_key.in_(principal_keys)).order_by(table.c.id)
    return [RoleAssignment.of_row(row) for row in connection.execute(query)]


def all_at_or_below(connection: Connection, path: str) -> list[RoleAssignment]:
    """Return every role assignment at a scope and below it, by scope and id."""
    condition = or_(table.c.scope == path, below(table.c.scope, path))
    query = select(table).where(condition).order_by(table.c.scope, table.c.id)
    return [RoleAssignment.of_row(row) for row in connection.execute(query)]


def list_page(connection: Connection, wanted: Filter, page: Page) -> list[RoleAssignment]:
    """Return the role assignments of a page by scope and id, and one more when another follows."""
    query: Any = select(table).order_by(table.c.scope, table.c.id).limit(page.probe)
    if wanted.at_scope_only:
        query = query.where(table.c.scope == wanted.scope)
    else:
        on_path = table.c.scope.in_(ancestors(wanted.scope))
        query = query.where(or_(on_path, below(table.c.scope, wanted.scope)))
    if wanted.principal_keys is not None:
        query = query.where(table.c.principal_key.in_(wanted.principal_keys))
    if wanted.role_id is not None:
        query = query.where(table.c.role_id == wanted.role_id)
    if page.after is not None:
        scope, _, assignment_id = page.after.partition(" ")
        query = query.where(tuple_(table.c.scope, table.c.id) > tuple_(scope, assignment_id))
    return [RoleAssignment.of_row(row) for row in connection.execute(query)]
