"""The scopes' questions to the database."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, delete, func, insert, or_, select

from deskhold.chassis.paging import Page
from deskhold.names import DEPLOYMENT_SCOPE
from rbac_service.scopes.rules import Scope
from rbac_service.tables import scopes


def below(column: Any, path: str) -> ColumnElement[bool]:
    """Return the condition that a path lies below another: a range of the index, no LIKE."""
    if path == DEPLOYMENT_SCOPE:
        return column > DEPLOYMENT_SCOPE  # type: ignore[no-any-return]
    # '0' is the character after '/', so the range is exactly the paths that begin with `path +
    # "/"`.
    return and_(column > f"{path}/", column < f"{path}0")


def find_scope(connection: Connection, path: str) -> Scope | None:
    """Return a scope, or None."""
    row = connection.execute(_COLUMNS.where(scopes.c.path == path)).one_or_none()
    return None if row is None else _scope(row)


def list_below(connection: Connection, path: str, page: Page) -> list[Scope]:
    """Return the scopes of a page below a path, and one more when another page follows."""
    query = _COLUMNS.where(below(scopes.c.path, path)).order_by(scopes.c.path).limit(page.probe)
    if page.after is not None:
        query = query.where(scopes.c.path > page.after)
    return [_scope(row) for row in connection.execute(query)]


def count_children(connection: Connection, path: str, except_for: str | None) -> int:
    """Return how many scopes lie directly below a path."""
    query = select(func.count()).where(scopes.c.parent == path)
    if except_for is not None:
        query = query.where(scopes.c.path != except_for)
    return int(connection.execute(query).scalar_one())


def insert_scope(connection: Connection, scope: Scope, parent: str | None) -> None:
    """Add a scope."""
    connection.execute(
        insert(scopes).values(
            path=scope.path,
            parent=parent,
            display_name=scope.display_name,
            created_us=scope.created_us,
            revision=scope.revision,
        )
    )


def delete_tree(connection: Connection, path: str) -> Sequence[Scope]:
    """Delete a scope and everything below it; return what was there, innermost first."""
    condition = or_(scopes.c.path == path, below(scopes.c.path, path))
    # A child's path sorts after its parent's, so this order never leaves
    # a child without its parent.
    rows = connection.execute(_COLUMNS.where(condition).order_by(scopes.c.path.desc())).all()
    for row in rows:
        connection.execute(delete(scopes).where(scopes.c.path == row.path))
    return [_scope(row) for row in rows]


_COLUMNS = select(scopes.c.path, scopes.c.display_name, scopes.c.created_us, scopes.c.revision)


def _scope(row: Any) -> Scope:
    return Scope(row.path, row.display_name, row.created_us, row.revision)
