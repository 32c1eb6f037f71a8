"""Who may do what, and where. Pure.

Lists gather candidates, cheaply and with some to spare, and ask `decide` about each: whatever a
list shows is what a check answers, and nothing that a check allows is left out.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from deskhold.identities import PrincipalKind
from deskhold.names import ancestors, contains
from rbac_service.access.holds import group_path, holds_of, holds_on
from rbac_service.access.rules import Question, decide
from rbac_service.access.snapshot import Snapshot
from rbac_service.roles.catalogue import ACTIONS


@dataclass(frozen=True, slots=True)
class PrincipalAccess:
    """One principal who may.

    Attributes:
        principal_key: Who.
        role_assignment: The resource name of the role assignment that decides.
        role_display_name: The role it assigns.
        through_groups: From the principal to the holder; nothing when it is the same.
    """

    principal_key: str
    role_assignment: str
    role_display_name: str
    through_groups: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class EffectivePermissions:
    """What one principal may do at a scope.

    Attributes:
        principal_key: Who.
        actions: The actions of the catalogue that it may do, in the catalogue's order.
        role_assignments: The resource names of the role assignments that give them.
    """

    principal_key: str
    actions: tuple[str, ...]
    role_assignments: tuple[str, ...]


def accessible_scopes(snapshot: Snapshot, question: Question, now_us: int) -> list[str]:
    """Return the registered scopes, at the question's scope and below, that allow it; by path."""
    keys = snapshot.closure(question.principal_keys)
    places = {hold.scope for hold in holds_of(snapshot, keys)}
    # A check says yes only because of some place at or above its scope, and what is allowed there
    # is allowed below.
    allowed = {
        place
        for place in places
        if decide(
            snapshot, Question(question.principal_keys, question.action, place), now_us
        ).allowed
    }
    if not allowed:
        return []
    return sorted(
        path
        for path, _ in snapshot.scopes.items()
        if contains(question.scope, path) and not allowed.isdisjoint(ancestors(path))
    )


def principals_reached(snapshot: Snapshot, scope: str) -> list[str]:
    """Return every principal who may hold something at a scope, if only through groups; by key.

    Time and roles are left to `decide`.
    """
    path = ancestors(scope)
    holders = {
        key for key, by_scope in snapshot.held.items() if not by_scope.keys().isdisjoint(path)
    }
    holders |= {
        key for key, timed in snapshot.timed.items() if any(one.scope in path for one in timed)
    }
    groups = {key for key in holders if key.startswith(f"{PrincipalKind.GROUP.value}:")}
    members = _members(snapshot, groups) if groups else ()
    return sorted(holders.union(members))


def principal_access(
    snapshot: Snapshot, action: str, scope: str, now_us: int, principal_key: str
) -> PrincipalAccess | None:
    """Return by what a principal may do an action at a scope, or None when it may not."""
    decision = decide(snapshot, Question((principal_key,), action, scope), now_us)
    if not decision.allowed:
        return None
    holds = holds_on(snapshot, (decision.holder_key,), (decision.assignment_scope,))
    deciding = next(hold for hold in holds if hold.assignment_id == decision.assignment_id)
    role = deciding.role(snapshot)
    return PrincipalAccess(
        principal_key,
        decision.role_assignment,
        "" if role is None else role.display_name,
        group_path(snapshot, (principal_key,), decision.holder_key),
    )


def effective_permissions(
    snapshot: Snapshot, scope: str, now_us: int, principal_key: str
) -> EffectivePermissions | None:
    """Return what a principal may do at a scope, or None when that is nothing."""
    keys = (principal_key,)
    actions = tuple(
        action.name
        for action in ACTIONS
        if decide(snapshot, Question(keys, action.name, scope), now_us).allowed
    )
    if not actions:
        return None
    catalogue = snapshot.catalogue
    giving = 0
    for action in actions:
        giving |= catalogue.allowing(action)
    holds = holds_on(snapshot, snapshot.closure(keys), ancestors(scope))
    names = dict.fromkeys(
        hold.name
        for hold in holds
        if hold.counts_at(now_us) and catalogue.bit(hold.role_id) & giving
    )
    return EffectivePermissions(principal_key, actions, tuple(names))


def _members(snapshot: Snapshot, groups: set[str]) -> Iterator[str]:
    for key, _ in snapshot.groups_of.items():
        if not groups.isdisjoint(snapshot.closure((key,))):
            yield key
