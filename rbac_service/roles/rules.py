"""Roles, and which of them allow an action."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from deskhold.names import contains
from rbac_service.roles.patterns import matches

_REMEMBER_ACTIONS = 65_536


@dataclass(frozen=True, slots=True)
class Permission:
    """One block of a role.

    Attributes:
        actions: Patterns it allows.
        not_actions: Patterns it leaves out of those.
    """

    actions: tuple[str, ...]
    not_actions: tuple[str, ...] = ()

    def allows(self, action: str) -> bool:
        """Say whether the block allows an action; the action is in lower case."""
        return any(matches(pattern, action) for pattern in self.actions) and not any(
            matches(pattern, action) for pattern in self.not_actions
        )


@dataclass(frozen=True, slots=True)
class RoleDefinition:
    """A named set of actions.

    Attributes:
        id: A UUID.
        display_name: What people call it; unique without case.
        description: What it is for.
        permissions: Its blocks; an action is allowed when one of them allows it.
        built_in: Whether it is part of the product.
        assignable_scopes: Where it may be assigned, and below; empty for built-in roles: anywhere.
        version: Counts its contents, from 1.
        updated_us: When this content came to be.
        deleted_us: When it was deleted; None while it is in force.
    """

    id: str
    display_name: str
    description: str
    permissions: tuple[Permission, ...]
    built_in: bool = False
    assignable_scopes: tuple[str, ...] = ()
    version: int = 1
    updated_us: int = 0
    deleted_us: int | None = None

    @property
    def name(self) -> str:
        """`roleDefinitions/{id}`."""
        return f"roleDefinitions/{self.id}"

    @property
    def etag(self) -> str:
        """Opaque version of the content."""
        content = repr((self.display_name, self.description, self.permissions, self.version))
        return hashlib.sha256(content.encode()).hexdigest()[:16]

    @property
    def row(self) -> dict[str, Any]:
        """The row as it is stored and logged."""
        return {
            "id": self.id,
            "display_name": self.display_name,
            "description": self.description,
            "permissions": [
                {"actions": list(block.actions), "not_actions": list(block.not_actions)}
                for block in self.permissions
            ],
            "assignable_scopes": list(self.assignable_scopes),
            "version": self.version,
            "updated_us": self.updated_us,
            "deleted_us": self.deleted_us,
        }

    @classmethod
    def of_row(cls, row: Mapping[str, Any]) -> RoleDefinition:
        """Return the custom role of a stored row."""
        return cls(
            id=row["id"],
            display_name=row["display_name"],
            description=row["description"],
            permissions=tuple(
                Permission(tuple(block["actions"]), tuple(block["not_actions"]))
                for block in row["permissions"]
            ),
            assignable_scopes=tuple(row["assignable_scopes"]),
            version=row["version"],
            updated_us=row["updated_us"],
            deleted_us=row["deleted_us"],
        )

    def is_assignable_at(self, scope: str) -> bool:
        """Say whether the role may be assigned at a scope."""
        return self.built_in or any(contains(outer, scope) for outer in self.assignable_scopes)

    def allows(self, action: str) -> bool:
        """Say whether the role allows an action, whatever its case."""
        folded = action.lower()
        return any(permission.allows(folded) for permission in self.permissions)


class Catalogue:
    """The role definitions in force, and which of them allow an action.

    Roles are numbered so that "any of these roles" is one integer: bit n stands for role n.

    Args:
        roles: The definitions.
    """

    def __init__(self, roles: Iterable[RoleDefinition]) -> None:
        self.roles: Sequence[RoleDefinition] = tuple(roles)
        # By id, the bit of every role in force.
        self.bits: Mapping[str, int] = {
            role.id: 1 << number for number, role in enumerate(self.roles)
        }
        self._by_display_name = {role.display_name.lower(): role for role in self.roles}
        self._by_id = {role.id: role for role in self.roles}
        self._allowing: dict[str, int] = {}

    def after(self, changes: Mapping[str, RoleDefinition | None]) -> Catalogue:
        """Return the catalogue with some roles set, or with None removed; this one stays."""
        if not changes:
            return self
        roles = self._by_id | {role.id: role for role in changes.values() if role is not None}
        gone = {role_id for role_id, role in changes.items() if role is None}
        return Catalogue(role for role in roles.values() if role.id not in gone)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Catalogue) and self._by_id == other._by_id

    __hash__ = None  # type: ignore[assignment]  # compared by content, so not to be a key

    def bit(self, role_id: str) -> int:
        """Return the bit of a role; 0 for one that is not in force."""
        return self.bits.get(role_id, 0)

    def find(self, name: str) -> RoleDefinition | None:
        """Return the role of a resource name, an id or a display name without case."""
        role_id = name.removeprefix("roleDefinitions/").lower()
        return self._by_id.get(role_id) or self._by_display_name.get(name.lower())

    def allowing(self, action: str) -> int:
        """Return the bits of all roles that allow an action, whatever its case."""
        # Remembered as it was asked: folding it takes longer than finding it.
        known = self._allowing.get(action)
        if known is not None:
            return known
        bits = sum(self.bits[role.id] for role in self.roles if role.allows(action))
        # Callers choose the actions they ask about: without a bound they could fill the memory.
        if len(self._allowing) >= _REMEMBER_ACTIONS:
            self._allowing.clear()
        self._allowing[action] = bits
        return bits
