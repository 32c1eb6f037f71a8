"""The policy in memory: immutable, built aside, swapped by one reference."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from rbac_service.access.shards import Shards
from rbac_service.log.rules import Change, ChangeKind
from rbac_service.roles.rules import Catalogue, RoleDefinition

FOREVER_US = 1 << 62

# What a principal holds at one scope: role id and assignment id in turn. A tuple of pairs would
# cost a quarter more memory at a million assignments.
Held = tuple[str, ...]
HeldByScope = Mapping[str, Held]


@dataclass(frozen=True, slots=True)
class Timed:
    """A role assignment that counts only for some time.

    Attributes:
        scope: Where.
        role_id: Which role.
        assignment_id: Which assignment.
        start_us: From when it counts.
        expire_us: Until when, exclusive.
    """

    scope: str
    role_id: str
    assignment_id: str
    start_us: int
    expire_us: int


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All of the policy at one revision.

    Attributes:
        epoch: The history the revision belongs to.
        revision: The newest revision it holds.
        catalogue: The role definitions in force.
        held: By principal key and scope: permanent role assignments.
        timed: By principal key: role assignments with a beginning or an end.
        groups_of: By member key: the keys of the groups it is directly in.
        scopes: The registered scopes, each with its display name.
        groups: By key: the groups known here, each with its display name. They decide nothing.
    """

    epoch: str
    revision: int
    catalogue: Catalogue
    held: Shards[HeldByScope]
    timed: Shards[tuple[Timed, ...]]
    groups_of: Shards[tuple[str, ...]]
    scopes: Shards[str]
    groups: Shards[str]

    def closure(self, keys: tuple[str, ...]) -> tuple[str, ...]:
        """Return principals with all groups they are in, directly or through others, each once."""
        if self.groups_of.is_empty:
            return keys
        found = dict.fromkeys(keys)
        waiting = list(keys)
        while waiting:
            for group in self.groups_of.get(waiting.pop()) or ():
                if group not in found:
                    found[group] = None
                    waiting.append(group)
        return tuple(found)

    def after(self, revision: int, changes: Iterable[Change]) -> Snapshot:
        """Return the snapshot of the next revision; this one stays as it is."""
        draft = Draft(self)
        for change in changes:
            draft.apply(change)
        return draft.finish(revision)


class Draft:
    """A snapshot in the making: changes are gathered, then each touched shard is copied once.

    Args:
        base: What the changes are applied to.
    """

    def __init__(self, base: Snapshot) -> None:
        self._base = base
        self._held: dict[str, dict[str, Held]] = {}
        self._timed: dict[str, tuple[Timed, ...]] = {}
        self._groups_of: dict[str, tuple[str, ...]] = {}
        self._scopes: dict[str, str | None] = {}
        self._groups: dict[str, str | None] = {}
        self._roles: dict[str, RoleDefinition | None] = {}

    def apply(self, change: Change) -> None:
        """Take up one change."""
        row = change.row
        match change.kind:
            case ChangeKind.ADD_ROLE_ASSIGNMENT:
                self._assignment(row, added=True)
            case ChangeKind.REMOVE_ROLE_ASSIGNMENT:
                self._assignment(row, added=False)
            case ChangeKind.ADD_GROUP_MEMBER:
                self._member(row["member_key"], row["group_key"], added=True)
            case ChangeKind.REMOVE_GROUP_MEMBER:
                self._member(row["member_key"], row["group_key"], added=False)
            case ChangeKind.ADD_SCOPE:
                self._scopes[row["path"]] = row["display_name"]
            case ChangeKind.REMOVE_SCOPE:
                self._scopes[row["path"]] = None
            case ChangeKind.ADD_ROLE_DEFINITION:
                self._roles[row["id"]] = RoleDefinition.of_row(row)
            case ChangeKind.REMOVE_ROLE_DEFINITION:
                self._roles[row["id"]] = None
            case ChangeKind.ADD_GROUP:
                self._groups[row["group_key"]] = row["display_name"]
            case ChangeKind.REMOVE_GROUP:
                # Its members and roles go as changes of their own.
                self._groups[row["group_key"]] = None

    def finish(self, revision: int) -> Snapshot:
        """Return the snapshot."""
        base = self._base
        return replace(
            base,
            revision=revision,
            catalogue=base.catalogue.after(self._roles),
            held=base.held.after({key: value or None for key, value in self._held.items()}),
            timed=base.timed.after({key: value or None for key, value in self._timed.items()}),
            groups_of=base.groups_of.after(
                {key: value or None for key, value in self._groups_of.items()}
            ),
            scopes=base.scopes.after(self._scopes),
            groups=base.groups.after(self._groups),
        )

    def _assignment(self, row: Mapping[str, Any], *, added: bool) -> None:
        if row.get("start_us") is not None or row.get("expire_us") is not None:
            self._timed_assignment(row, added=added)
            return
        key, scope, own = row["principal_key"], row["scope"], (row["role_id"], row["id"])
        if key not in self._held:
            self._held[key] = dict(self._base.held.get(key) or {})
        before = self._held[key].pop(scope, ())
        rest = tuple(text for pair in pairs(before) if pair != own for text in pair)
        if added or rest:
            self._held[key][scope] = (*rest, *own) if added else rest

    def _timed_assignment(self, row: Mapping[str, Any], *, added: bool) -> None:
        key = row["principal_key"]
        before = self._timed.get(key, self._base.timed.get(key) or ())
        rest = tuple(one for one in before if one.assignment_id != row["id"])
        self._timed[key] = (*rest, timed_of(row)) if added else rest

    def _member(self, member_key: str, group_key: str, *, added: bool) -> None:
        before = self._groups_of.get(member_key, self._base.groups_of.get(member_key) or ())
        rest = tuple(group for group in before if group != group_key)
        self._groups_of[member_key] = (*rest, group_key) if added else rest


def pairs(held: Held) -> Iterator[tuple[str, str]]:
    """Return role id and assignment id of everything held at one scope."""
    return zip(held[::2], held[1::2], strict=True)


def timed_of(row: Mapping[str, Any]) -> Timed:
    """Return the timed assignment of a row."""
    start, expire = row["start_us"], row["expire_us"]
    return Timed(
        row["scope"],
        row["role_id"],
        row["id"],
        0 if start is None else start,
        FOREVER_US if expire is None else expire,
    )
