"""What an author holds, read under the lock that orders all changes."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, select

from deskhold.names import ancestors
from rbac_service.assignments.rules import RoleAssignment
from rbac_service.groups.store import closure
from rbac_service.guard.rules import Holding
from rbac_service.roles.store import find_role
from rbac_service.tables import role_assignments as table


def holdings_at(
    connection: Connection, keys: Sequence[str], scope: str, now_us: int
) -> list[Holding]:
    """Return what principals and their groups hold at a scope and above it, and that counts now."""
    query = select(table).where(
        table.c.principal_key.in_(closure(connection, keys)), table.c.scope.in_(ancestors(scope))
    )
    found = []
    for row in connection.execute(query).all():
        assignment = RoleAssignment.of_row(row)
        role = find_role(connection, assignment.role_id)
        if role is not None and assignment.counts_at(now_us):
            found.append(Holding(role, assignment))
    return found
