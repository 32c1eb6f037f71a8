"""The policy as it would be after some changes that are not made. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from deskhold.errors import FailedPrecondition, NotFound
from deskhold.identities import PrincipalKind
from rbac_service.access.holds import Hold, find_hold, shown
from rbac_service.access.snapshot import Snapshot
from rbac_service.assignments.rules import derived_id, split_name
from rbac_service.groups.rules import check_nesting, group_key
from rbac_service.log.rules import Change, ChangeKind
from rbac_service.roles.refusals import not_found


@dataclass(frozen=True, slots=True)
class Assign:
    """A role assigned for ever.

    Attributes:
        scope: Where.
        principal_key: To whom.
        role: Which one: its resource name, id or display name.
    """

    scope: str
    principal_key: str
    role: str


@dataclass(frozen=True, slots=True)
class Unassign:
    """A role assignment taken away.

    Attributes:
        name: Its resource name.
    """

    name: str


@dataclass(frozen=True, slots=True)
class Join:
    """A member added to a group.

    Attributes:
        group_id: To which group.
        member_key: Who.
    """

    group_id: str
    member_key: str


@dataclass(frozen=True, slots=True)
class Leave:
    """A direct member removed from a group.

    Attributes:
        group_id: From which group.
        member_key: Who.
    """

    group_id: str
    member_key: str


Hypothesis = Assign | Unassign | Join | Leave


def suppose(snapshot: Snapshot, changes: Sequence[Hypothesis]) -> Snapshot:
    """Return the policy as it would be after changes, each made on what the one before left.

    Raises:
        NotFound: One names a scope, role, role assignment, group or member that is not there.
        FailedPrecondition: One could not be made: the role is not assignable there, or groups would
            contain themselves or nest too deep.
    """
    for change in changes:
        snapshot = snapshot.after(snapshot.revision + 1, [_row(snapshot, change)])
    return snapshot


def _row(snapshot: Snapshot, change: Hypothesis) -> Change:
    match change:
        case Assign():
            return _assign(snapshot, change)
        case Unassign():
            return _unassign(snapshot, change)
        case Join():
            return _join(snapshot, change)
        case Leave():
            return _leave(snapshot, change)


def _assign(snapshot: Snapshot, change: Assign) -> Change:
    if snapshot.scopes.get(change.scope) is None:
        raise _missing("scope", change.scope, "SCOPE_NOT_FOUND")
    role = snapshot.catalogue.find(change.role)
    if role is None:
        raise not_found(change.role)
    if not role.is_assignable_at(change.scope):
        raise FailedPrecondition(
            f"{role.display_name} may be assigned at {', '.join(role.assignable_scopes)} and below,"
            f" not at {change.scope}",
            reason="ROLE_NOT_ASSIGNABLE",
            metadata={"role_definition": role.display_name, "scope": change.scope},
        )
    assignment_id = derived_id(change.scope, change.principal_key, role.id)
    hold = Hold(change.principal_key, change.scope, role.id, assignment_id)
    return Change(ChangeKind.ADD_ROLE_ASSIGNMENT, _assignment_row(hold))


def _unassign(snapshot: Snapshot, change: Unassign) -> Change:
    scope, assignment_id = split_name(change.name)
    hold = find_hold(snapshot, scope, assignment_id)
    if hold is None:
        raise _missing("role_assignment", change.name, "ROLE_ASSIGNMENT_NOT_FOUND")
    return Change(ChangeKind.REMOVE_ROLE_ASSIGNMENT, _assignment_row(hold))


def _join(snapshot: Snapshot, change: Join) -> Change:
    _require_group(snapshot, change.group_id)
    if change.member_key.startswith(f"{PrincipalKind.GROUP.value}:"):
        below = _groups_below(snapshot)
        check_nesting(
            change.group_id,
            change.member_key,
            lambda key: snapshot.groups_of.get(key) or (),
            lambda key: below.get(key, ()),
        )
    return Change(ChangeKind.ADD_GROUP_MEMBER, _member_row(change))


def _leave(snapshot: Snapshot, change: Leave) -> Change:
    _require_group(snapshot, change.group_id)
    groups = snapshot.groups_of.get(change.member_key) or ()
    if group_key(change.group_id) not in groups:
        member = shown(change.member_key)
        raise NotFound(
            f"{member} is not directly in groups/{change.group_id}",
            reason="MEMBER_NOT_FOUND",
            metadata={"group": f"groups/{change.group_id}", "member": member},
        )
    return Change(ChangeKind.REMOVE_GROUP_MEMBER, _member_row(change))


def _require_group(snapshot: Snapshot, group_id: str) -> None:
    if snapshot.groups.get(group_key(group_id)) is None:
        raise _missing("group", f"groups/{group_id}", "GROUP_NOT_FOUND")


def _groups_below(snapshot: Snapshot) -> dict[str, list[str]]:
    below: dict[str, list[str]] = {}
    for member, groups in snapshot.groups_of.items():
        if member.startswith(f"{PrincipalKind.GROUP.value}:"):
            for group in groups:
                below.setdefault(group, []).append(member)
    return below


def _assignment_row(hold: Hold) -> dict[str, str | int | None]:
    return {
        "id": hold.assignment_id,
        "scope": hold.scope,
        "role_id": hold.role_id,
        "principal_key": hold.holder_key,
        "start_us": None if hold.is_permanent else hold.start_us,
        "expire_us": None if hold.is_permanent else hold.expire_us,
    }


def _member_row(change: Join | Leave) -> dict[str, str]:
    return {"member_key": change.member_key, "group_key": group_key(change.group_id)}


def _missing(kind: str, name: str, reason: str) -> NotFound:
    noun = kind.replace("_", " ")
    return NotFound(
        f"there is no {noun} {name!r}; see what is there with: deskhold {noun.replace(' ', '-')}"
        " list",
        reason=reason,
        metadata={kind: name},
    )
