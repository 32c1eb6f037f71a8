"""Patterns, roles, and which roles allow an action."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

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
    """

    id: str
    display_name: str
    description: str
    permissions: tuple[Permission, ...]
    built_in: bool = False

    @property
    def name(self) -> str:
        """`roleDefinitions/{id}`."""
        return f"roleDefinitions/{self.id}"

    @property
    def etag(self) -> str:
        """Opaque version of the content."""
        content = repr((self.display_name, self.description, self.permissions))
        return hashlib.sha256(content.encode()).hexdigest()[:16]

    def allows(self, action: str) -> bool:
        """Say whether the role allows an action, whatever its case."""
        folded = action.lower()
        return any(permission.allows(folded) for permission in self.permissions)


def matches(pattern: str, action: str) -> bool:
    """Say whether a pattern matches an action in lower case.

    `*` stands for any run of characters, slashes included, as in Azure RBAC. Each piece between two
    stars is looked for once, left to right, so that no pattern makes it backtrack.
    """
    first, *rest = pattern.lower().split("*")
    if not rest:
        return first == action
    last = rest.pop()
    if len(first) + len(last) > len(action):
        return False
    if not (action.startswith(first) and action.endswith(last)):
        return False
    position, end = len(first), len(action) - len(last)
    for piece in rest:
        found = action.find(piece, position, end)
        if found < 0:
            return False
        position = found + len(piece)
    return True


class Catalogue:
    """The role definitions in force, and which of them allow an action.

    Roles are numbered so that "any of these roles" is one integer: bit n stands for role n.

    Args:
        roles: The definitions.
    """

    def __init__(self, roles: Iterable[RoleDefinition]) -> None:
        self.roles: Sequence[RoleDefinition] = tuple(roles)
        self._bits = {role.id: 1 << number for number, role in enumerate(self.roles)}
        self._by_display_name = {role.display_name.lower(): role for role in self.roles}
        self._by_id = {role.id: role for role in self.roles}
        self._allowing: dict[str, int] = {}

    def bit(self, role_id: str) -> int:
        """Return the bit of a role; 0 for one that is not in force."""
        return self._bits.get(role_id, 0)

    def find(self, name: str) -> RoleDefinition | None:
        """Return the role of a resource name, an id or a display name without case."""
        role_id = name.removeprefix("roleDefinitions/").lower()
        return self._by_id.get(role_id) or self._by_display_name.get(name.lower())

    def allowing(self, action: str) -> int:
        """Return the bits of all roles that allow an action."""
        known = self._allowing.get(action)
        if known is not None:
            return known
        bits = sum(self._bits[role.id] for role in self.roles if role.allows(action))
        # Callers choose the actions they ask about: without a bound they could fill the memory.
        if len(self._allowing) >= _REMEMBER_ACTIONS:
            self._allowing.clear()
        self._allowing[action] = bits
        return bits
