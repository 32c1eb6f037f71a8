"""The policy in memory: immutable, built aside, swapped by one reference.

Principals are spread over shards so that a change copies one small dictionary, not a large one: a
write costs the same at a million assignments as at a thousand.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from rbac_service.log.rules import Change, ChangeKind

_SHARDS: Final = 4096

# What a principal holds at one scope: pairs of role id and assignment id.
Held = tuple[tuple[str, str], ...]
Shard = Mapping[str, Mapping[str, Held]]


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All role assignments at one revision.

    Attributes:
        epoch: The history the revision belongs to.
        revision: The newest revision it holds.
        shards: By shard, principal key and scope: what is held there.
    """

    epoch: str
    revision: int
    shards: tuple[Shard, ...]

    @classmethod
    def build(
        cls, epoch: str, revision: int, rows: Iterable[tuple[str, str, str, str]]
    ) -> Snapshot:
        """Build a snapshot of rows (principal key, scope, role id, assignment id)."""
        shards: list[dict[str, dict[str, Held]]] = [{} for _ in range(_SHARDS)]
        for principal_key, scope, role_id, assignment_id in rows:
            scopes = shards[_shard_of(principal_key)].setdefault(principal_key, {})
            scopes[scope] = (*scopes.get(scope, ()), (role_id, assignment_id))
        return cls(epoch, revision, tuple(shards))

    def held_by(self, principal_key: str) -> Mapping[str, Held]:
        """Return what a principal holds, by scope."""
        return self.shards[_shard_of(principal_key)].get(principal_key, {})

    def after(self, revision: int, changes: Iterable[Change]) -> Snapshot:
        """Return the snapshot of the next revision; this one stays as it is."""
        shards = list(self.shards)
        for change in changes:
            if change.kind is ChangeKind.ADD_ROLE_ASSIGNMENT:
                _replace(shards, change, added=True)
            elif change.kind is ChangeKind.REMOVE_ROLE_ASSIGNMENT:
                _replace(shards, change, added=False)
        return Snapshot(self.epoch, revision, tuple(shards))


def _replace(shards: list[Shard], change: Change, *, added: bool) -> None:
    row = change.row
    key, scope, own = row["principal_key"], row["scope"], (row["role_id"], row["id"])
    number = _shard_of(key)
    scopes = dict(shards[number].get(key, {}))
    rest = tuple(pair for pair in scopes.pop(scope, ()) if pair != own)
    held = (*rest, own) if added else rest
    if held:
        scopes[scope] = held
    shard = dict(shards[number])
    shard.pop(key, None)
    if scopes:
        shard[key] = scopes
    shards[number] = shard


def _shard_of(principal_key: str) -> int:
    return hash(principal_key) % _SHARDS
