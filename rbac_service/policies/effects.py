"""Who gains and who loses by a change of the policy. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from rbac_service.access.rules import Question, decide
from rbac_service.access.snapshot import Snapshot
from rbac_service.log.rules import Change, ChangeKind
from rbac_service.policies.rules import AccessChange
from rbac_service.roles.catalogue import ACTIONS

Place = tuple[str, str]

_ASSIGNMENTS: Final = (ChangeKind.ADD_ROLE_ASSIGNMENT, ChangeKind.REMOVE_ROLE_ASSIGNMENT)
_MEMBERSHIPS: Final = (ChangeKind.ADD_GROUP_MEMBER, ChangeKind.REMOVE_GROUP_MEMBER)


def places_of(changes: Iterable[Change], before: Snapshot, after: Snapshot) -> set[Place]:
    """Return whom changes of assignments and memberships concern, and where: (key, scope)."""
    found: set[Place] = set()
    for change in changes:
        if change.kind in _ASSIGNMENTS:
            found.add((change.row["principal_key"], change.row["scope"]))
        elif change.kind in _MEMBERSHIPS:
            for snapshot in (before, after):
                scopes = _scopes_of(snapshot, change.row["group_key"])
                found |= {(change.row["member_key"], scope) for scope in scopes}
    return found


def access_changes(
    before: Snapshot, after: Snapshot, places: Iterable[Place], now_us: int
) -> list[AccessChange]:
    """Return what changes at some places, by principal and scope; nothing where all stays."""
    found = []
    for key, scope in sorted(places):
        had, has = _allowed(before, key, scope, now_us), _allowed(after, key, scope, now_us)
        gained = tuple(action for action in has if action not in had)
        lost = tuple(action for action in had if action not in has)
        if gained or lost:
            found.append(AccessChange(key, scope, gained, lost))
    return found


def _allowed(snapshot: Snapshot, key: str, scope: str, now_us: int) -> Sequence[str]:
    return [
        action.name
        for action in ACTIONS
        if decide(snapshot, Question((key,), action.name, scope), now_us).allowed
    ]


def _scopes_of(snapshot: Snapshot, group_key: str) -> set[str]:
    """Return where a group, or one that it is in, holds something."""
    scopes: set[str] = set()
    for key in snapshot.closure((group_key,)):
        scopes |= set(snapshot.held.get(key) or ())
        scopes |= {one.scope for one in snapshot.timed.get(key) or ()}
    return scopes
