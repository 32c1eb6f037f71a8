"""Judging changes, each in the transaction that makes it."""

from __future__ import annotations

from collections.abc import Iterable

from deskhold.chassis.db import Connection
from deskhold.errors import PermissionDenied
from rbac_service.assignments.rules import RoleAssignment
from rbac_service.guard.rules import (
    Handout,
    require_assignable,
    require_cover,
    require_removable,
)
from rbac_service.guard.store import holdings_at
from rbac_service.log.rules import Author
from rbac_service.roles.patterns import ESCALATE
from rbac_service.roles.rules import RoleDefinition
from rbac_service.roles.store import find_role


def judge_action(
    connection: Connection, action: str, scope: str, author: Author, now_us: int
) -> None:
    """Check that the author may do an action, where the gate could not know that it would be done.

    Raises:
        PermissionDenied: The author may not.
    """
    if not author.keys:
        return
    holdings = holdings_at(connection, author.keys, scope, now_us)
    if not any(holding.role.allows(action) for holding in holdings):
        raise PermissionDenied(
            f"{author.actor} may not do {action} at {scope};"
            " ask an owner of that scope for a role that allows it",
            metadata={"action": action, "scope": scope},
        )


def judge_assignment(
    connection: Connection, made: RoleAssignment, role: RoleDefinition, author: Author
) -> None:
    """Check that the author may assign a role, and every role that its delegation names.

    Raises:
        PermissionDenied: It would hand out what the author does not hold.
    """
    if not author.keys:
        return
    holdings = holdings_at(connection, author.keys, made.scope, made.created_us)
    require_assignable(holdings, made, role)
    for delegated in _delegated(connection, made):
        require_cover(holdings, Handout(delegated, made.scope, made.expire_us))


def judge_removal(
    connection: Connection, gone: RoleAssignment, author: Author, now_us: int
) -> None:
    """Check that the author may take a role away.

    Raises:
        PermissionDenied: No delegation of the author reaches it.
    """
    role = find_role(connection, gone.role_id)
    if not author.keys or role is None:
        return
    require_removable(holdings_at(connection, author.keys, gone.scope, now_us), gone, role)


def judge_role(
    connection: Connection,
    role: RoleDefinition,
    scopes: Iterable[str],
    author: Author,
    now_us: int,
) -> None:
    """Check that the author holds for ever what a role allows, wherever it can be or is assigned.

    Raises:
        PermissionDenied: At one of them the author does not.
    """
    if not author.keys:
        return
    for scope in sorted(set(scopes)):
        holdings = holdings_at(connection, author.keys, scope, now_us)
        require_cover(holdings, Handout(role, scope, None), explicit=ESCALATE)


def judge_membership(
    connection: Connection, held: Iterable[RoleAssignment], author: Author, now_us: int
) -> None:
    """Check that the author holds what a membership hands out: everything that the group holds.

    Raises:
        PermissionDenied: Something of it the author does not hold.
    """
    if not author.keys:
        return
    for assignment in held:
        role = find_role(connection, assignment.role_id)
        if role is None or (assignment.expire_us is not None and assignment.expire_us <= now_us):
            continue
        holdings = holdings_at(connection, author.keys, assignment.scope, now_us)
        for one in (role, *_delegated(connection, assignment)):
            require_cover(holdings, Handout(one, assignment.scope, assignment.expire_us))


def _delegated(connection: Connection, assignment: RoleAssignment) -> list[RoleDefinition]:
    if assignment.delegation is None:
        return []
    found = (find_role(connection, role_id) for role_id in assignment.delegation.role_ids)
    return [role for role in found if role is not None]
