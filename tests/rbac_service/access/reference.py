"""Azure RBAC's rules written down a second time, slowly and plainly (design.md 3).

Everything is additive. An action is allowed when an assignment of one of the principals, at the
scope or above it, is of a role with a block whose actions match it and whose not_actions do not.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from rbac_service.roles.rules import RoleDefinition


@dataclass(frozen=True)
class Row:
    """One role assignment, as little of it as decides."""

    principal_key: str
    scope: str
    role_id: str
    id: str


def deciding(
    rows: Iterable[Row],
    roles: Iterable[RoleDefinition],
    *,
    principal_keys: Iterable[str],
    action: str,
    scope: str,
) -> list[Row]:
    """Return the assignments that allow an action, those at the nearest scope only."""
    allowing = []
    for row in rows:
        for role in roles:
            for key in principal_keys:
                if (
                    row.principal_key == key
                    and row.role_id == role.id
                    and is_at_or_above(row.scope, scope)
                    and role_allows(role, action)
                ):
                    allowing.append(row)
    depth = max((len(row.scope.rstrip("/")) for row in allowing), default=0)
    return [row for row in allowing if len(row.scope.rstrip("/")) == depth]


def is_at_or_above(outer: str, inner: str) -> bool:
    """Say whether an assignment at one scope reaches another."""
    above = [part for part in outer.split("/") if part]
    below = [part for part in inner.split("/") if part]
    return below[: len(above)] == above


def role_allows(role: RoleDefinition, action: str) -> bool:
    """Say whether a role allows an action."""
    for block in role.permissions:
        allowed = left_out = False
        for pattern in block.actions:
            if glob(pattern.lower(), action.lower()):
                allowed = True
        for pattern in block.not_actions:
            if glob(pattern.lower(), action.lower()):
                left_out = True
        if allowed and not left_out:
            return True
    return False


def glob(pattern: str, text: str) -> bool:
    """Say whether a pattern, in which `*` stands for any run of characters, is a whole text.

    Keeps every place in the pattern that the text so far may have led to.
    """
    places = _past_stars(pattern, {0})
    for character in text:
        stepped = set()
        for place in places:
            if place < len(pattern) and pattern[place] == "*":
                stepped.add(place)
            elif place < len(pattern) and pattern[place] == character:
                stepped.add(place + 1)
        places = _past_stars(pattern, stepped)
    return len(pattern) in places


def _past_stars(pattern: str, places: set[int]) -> set[int]:
    reached = set(places)
    for place in places:
        ahead = place
        while ahead < len(pattern) and pattern[ahead] == "*":
            ahead += 1
            reached.add(ahead)
    return reached
