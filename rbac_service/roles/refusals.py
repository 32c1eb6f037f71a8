"""What is refused about role definitions, and why. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from deskhold.errors import (
    Aborted,
    AlreadyExists,
    FailedPrecondition,
    InvalidArgument,
    NotFound,
    PermissionDenied,
)
from deskhold.names import contains, parse_scope
from rbac_service.roles.rules import Permission, RoleDefinition

_SHOWN_HOLDERS = 5


@dataclass(frozen=True, slots=True)
class RoleDraft:
    """What a custom role is to be.

    Attributes:
        display_name: What people call it.
        description: What it is for.
        permissions: Its blocks.
        assignable_scopes: Where it may be assigned, and below.
    """

    display_name: str
    description: str
    permissions: tuple[Permission, ...]
    assignable_scopes: tuple[str, ...]


def check(draft: RoleDraft | RoleDefinition) -> None:
    """Check that a role has a name, allows something, and may be assigned somewhere.

    Raises:
        InvalidArgument: Names the field.
    """
    if not draft.display_name.strip():
        raise InvalidArgument.of_field("role_definition.display_name", "is empty; give a name")
    if not any(block.actions for block in draft.permissions):
        raise InvalidArgument.of_field(
            "role_definition.permissions", "hold no actions; give at least one"
        )
    if not draft.assignable_scopes:
        raise InvalidArgument.of_field(
            "role_definition.assignable_scopes",
            "is empty; give the scopes where it may be assigned",
        )
    for number, scope in enumerate(draft.assignable_scopes):
        parse_scope(scope, field=f"role_definition.assignable_scopes[{number}]")


def require_within(role: RoleDefinition, scope: str) -> None:
    """Check that the scope at which the caller's right was judged reaches all of a role.

    Raises:
        PermissionDenied: It does not.
    """
    beyond = [own for own in role.assignable_scopes if not contains(scope, own)]
    if beyond:
        raise PermissionDenied(
            f"{role.name} is beyond {scope}; name a scope that all its assignable scopes lie below",
            metadata={"role_definition": role.name, "scope": scope},
        )


def require_etag(role: RoleDefinition, etag: str) -> None:
    """Check that a role is of the version that was read; an empty etag is any.

    Raises:
        Aborted: It is not.
    """
    if etag and etag != role.etag:
        raise Aborted(
            f"{role.name} is at etag {role.etag}, not {etag}; read it again",
            metadata={"name": role.name, "etag": role.etag},
        )


def refuse_built_in(role: RoleDefinition) -> None:
    """Check that a role is no part of the product.

    Raises:
        FailedPrecondition: It is.
    """
    if role.built_in:
        raise FailedPrecondition(
            f"{role.display_name} is part of the product and cannot be changed;"
            " create a role of your own",
            reason="BUILT_IN_ROLE",
            metadata={"role_definition": role.display_name},
        )


def refuse_held(role: RoleDefinition, held: Sequence[tuple[str, str]]) -> None:
    """Check that nobody holds a role.

    Args:
        role: The role.
        held: Where (scope) and by whom (key) it is held.

    Raises:
        FailedPrecondition: Somebody does; names the first of them.
    """
    if not held:
        return
    holders = ", ".join(f"{key} at {scope}" for scope, key in held[:_SHOWN_HOLDERS])
    more = f" and {len(held) - _SHOWN_HOLDERS} more" if len(held) > _SHOWN_HOLDERS else ""
    raise FailedPrecondition(
        f"{role.display_name} is held by {holders}{more}; take it away there first",
        reason="ROLE_IN_USE",
        metadata={
            "role_definition": role.display_name,
            "count": str(len(held)),
            "holders": holders,
        },
    )


def taken(name: str) -> AlreadyExists:
    """Return the error for an id or display name that is taken."""
    return AlreadyExists(
        f"the role {name!r} exists; choose another name or id",
        reason="ROLE_DEFINITION_ALREADY_EXISTS",
        metadata={"role_definition": name},
    )


def not_found(name: str) -> NotFound:
    """Return the error for a role that is not there."""
    return NotFound(
        f"there is no role {name!r}; see the roles with: deskhold role list",
        reason="ROLE_DEFINITION_NOT_FOUND",
        metadata={"role_definition": name},
    )
