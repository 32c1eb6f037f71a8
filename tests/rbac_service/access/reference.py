"""Azure RBAC's rules written down a second time, slowly and plainly (design.md 3).

Everything is additive. An action is allowed when an assignment of one of the principals or of a
group they are in, directly or through others, at the scope or above it, counts now and is of a role
with a block whose actions match it and whose not_actions do not. No star reaches the two actions
that let somebody hand out what they do not hold.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from rbac_service.roles.rules import RoleDefinition

EXPLICIT = (
    "deskhold.authorization/roleassignments/bind/action",
    "deskhold.authorization/roledefinitions/escalate/action",
)


@dataclass(frozen=True)
class Row:
    """One role assignment, as little of it as decides."""

    principal_key: str
    scope: str
    role_id: str
    id: str
    start_us: int | None = None
    expire_us: int | None = None

    @property
    def is_permanent(self) -> bool:
        return self.start_us is None and self.expire_us is None

    def counts_at(self, now_us: int) -> bool:
        if self.start_us is not None and now_us < self.start_us:
            return False
        return self.expire_us is None or now_us < self.expire_us


@dataclass(frozen=True)
class Plain:
    """A whole policy: assignments, (member, group) pairs, roles."""

    rows: Sequence[Row]
    members: Sequence[tuple[str, str]]
    roles: Sequence[RoleDefinition]

    def matching(self, keys: Iterable[str], action: str, scope: str) -> list[Row]:
        """Return the assignments that allow an action at some time."""
        everybody = self.everybody(keys)
        return [
            row
            for row in self.rows
            for role in self.roles
            if row.principal_key in everybody
            and row.role_id == role.id
            and is_at_or_above(row.scope, scope)
            and role_allows(role, action)
        ]

    def everybody(self, keys: Iterable[str]) -> set[str]:
        """Return the principals and all groups they are in."""
        found = set(keys)
        for _ in range(len(self.members) + 1):
            for member, group in self.members:
                if member in found:
                    found.add(group)
        return found


def deciding(matching: Iterable[Row], now_us: int) -> list[Row]:
    """Return those that may be named: permanent ones at the nearest scope, else any that counts."""
    counting = [row for row in matching if row.counts_at(now_us)]
    permanent = [row for row in counting if row.is_permanent]
    depth = max((len(row.scope.rstrip("/")) for row in permanent), default=0)
    return [row for row in permanent if len(row.scope.rstrip("/")) == depth] or counting


def next_start(matching: Iterable[Row], now_us: int) -> int | None:
    """Return when the first of some assignments begins that have not begun."""
    starts = [
        row.start_us
        for row in matching
        if row.start_us is not None
        and now_us < row.start_us
        and (row.expire_us is None or row.start_us < row.expire_us)
    ]
    return min(starts, default=None)


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
            if is_match(pattern, action):
                allowed = True
        for pattern in block.not_actions:
            if is_match(pattern, action):
                left_out = True
        if allowed and not left_out:
            return True
    return False


def is_match(pattern: str, action: str) -> bool:
    """Say whether a pattern of a role matches an action."""
    if action.lower() in EXPLICIT:
        return pattern.lower() == action.lower()
    return glob(pattern.lower(), action.lower())


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
