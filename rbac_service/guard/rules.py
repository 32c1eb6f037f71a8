"""What an author may hand out, given what the author holds. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from deskhold.errors import PermissionDenied
from deskhold.names import DEPLOYMENT_SCOPE
from rbac_service.assignments.rules import Delegation, RoleAssignment
from rbac_service.roles.cover import missing
from rbac_service.roles.patterns import BIND, ESCALATE, EXPLICIT_ONLY
from rbac_service.roles.rules import Permission, RoleDefinition

WRITE_ASSIGNMENT = "deskhold.authorization/roleassignments/write"
DELETE_ASSIGNMENT = "deskhold.authorization/roleassignments/delete"


@dataclass(frozen=True, slots=True)
class Holding:
    """One role assignment of the author that counts now.

    Attributes:
        role: What it allows.
        assignment: The assignment.
    """

    role: RoleDefinition
    assignment: RoleAssignment

    def lasts_until(self, expire_us: int | None) -> bool:
        """Say whether it counts at least until a time; None stands for ever."""
        own = self.assignment.expire_us
        return own is None or (expire_us is not None and expire_us <= own)


@dataclass(frozen=True, slots=True)
class Handout:
    """What a change gives to somebody at a scope.

    Attributes:
        role: Which role.
        scope: Where.
        expire_us: Until when; None: for ever.
    """

    role: RoleDefinition
    scope: str
    expire_us: int | None


def require_cover(holdings: Sequence[Holding], handout: Handout, *, explicit: str = BIND) -> None:
    """Check that an author holds what a change hands out, for at least as long, or may do without.

    Args:
        holdings: What the author holds at the scope and above it.
        handout: What is handed out.
        explicit: The action that makes up for not holding it.

    Raises:
        PermissionDenied: Names the missing permissions.
    """
    lasting = [one for one in holdings if one.lasts_until(handout.expire_us)]
    if any(one.role.allows(explicit) for one in lasting):
        return
    blocks = [block for one in lasting for block in one.role.permissions]
    if _owns_deployment(lasting):
        blocks.append(Permission((BIND, ESCALATE)))
    lacking = missing(blocks, handout.role.permissions)
    if lacking:
        raise _escalation(lacking, handout)


def require_assignable(
    holdings: Sequence[Holding], made: RoleAssignment, role: RoleDefinition
) -> None:
    """Check that an author may assign a role.

    Some holding must allow writing assignments, within its delegation; and what is handed out must
    be held, unless that delegation names the role.

    Raises:
        PermissionDenied: Nothing allows it; names the missing permissions where that is the reason.
    """
    _through_delegation(holdings, made, role, WRITE_ASSIGNMENT)


def may_assign(holdings: Sequence[Holding], role: RoleDefinition, scope: str) -> bool:
    """Say whether an author may assign a role at a scope to somebody, for some time."""
    for holding in holdings:
        if not holding.role.allows(WRITE_ASSIGNMENT):
            continue
        limits = holding.assignment.delegation
        if limits is not None and limits.role_ids:
            if role.id in limits.role_ids:
                return True
            continue
        if limits is not None and role.allows(WRITE_ASSIGNMENT):
            continue
        try:
            require_cover(holdings, Handout(role, scope, 0))
        except PermissionDenied:
            continue
        return True
    return False


def require_removable(
    holdings: Sequence[Holding], gone: RoleAssignment, role: RoleDefinition
) -> None:
    """Check that an author may take a role away; it need not be held.

    Raises:
        PermissionDenied: Nothing allows it within its delegation.
    """
    allowing = [holding for holding in holdings if holding.role.allows(DELETE_ASSIGNMENT)]
    for holding in allowing:
        limits = holding.assignment.delegation
        if limits is None or not _outside(limits, gone, role, with_duration=False):
            return
    raise _not_delegated(gone, "take away") if allowing else _lost(gone, DELETE_ASSIGNMENT)


def _through_delegation(
    holdings: Sequence[Holding], made: RoleAssignment, role: RoleDefinition, action: str
) -> None:
    handout = Handout(role, made.scope, made.expire_us)
    refusals: list[PermissionDenied] = []
    for holding in holdings:
        if not holding.role.allows(action):
            continue
        limits = holding.assignment.delegation
        if limits is not None:
            if _outside(limits, made, role, with_duration=True):
                refusals.append(_not_delegated(made, "assign"))
                continue
            if role.id in limits.role_ids:
                return
            if role.allows(WRITE_ASSIGNMENT):
                # The new holder would not be bound by these limits.
                refusals.append(_not_delegated(made, "assign"))
                continue
        try:
            require_cover(holdings, handout)
        except PermissionDenied as error:
            refusals.append(error)
            continue
        return
    raise refusals[-1] if refusals else _lost(made, action)


def _outside(
    limits: Delegation, made: RoleAssignment, role: RoleDefinition, *, with_duration: bool
) -> bool:
    too_long = False
    if with_duration and limits.max_duration_us is not None:
        end = made.expire_us
        too_long = end is None or end - made.created_us > limits.max_duration_us
    return (
        too_long
        or bool(limits.role_ids and role.id not in limits.role_ids)
        or bool(limits.kinds and made.principal.kind.value not in limits.kinds)
        or bool(limits.principal_keys and made.principal_key not in limits.principal_keys)
    )


def _owns_deployment(holdings: Iterable[Holding]) -> bool:
    return any(
        holding.assignment.scope == DEPLOYMENT_SCOPE
        and holding.assignment.is_permanent
        and any(
            "*" in block.actions and not block.not_actions for block in holding.role.permissions
        )
        for holding in holdings
    )


def _escalation(lacking: Sequence[str], handout: Handout) -> PermissionDenied:
    shown = ", ".join(lacking[:10]) + (
        f" and {len(lacking) - 10} more" if len(lacking) > 10 else ""
    )
    explicit = [action for action in lacking if action.lower() in EXPLICIT_ONLY]
    hint = " (which no wildcard implies)" if explicit else ""
    return PermissionDenied(
        f"this would hand out {handout.role.display_name} at {handout.scope},"
        f" and you do not hold {shown}{hint} there for as long; ask somebody who does",
        reason="ESCALATION",
        metadata={
            "missing": ", ".join(lacking[:50]),
            "scope": handout.scope,
            "role_definition": handout.role.display_name,
        },
    )


def _lost(assignment: RoleAssignment, action: str) -> PermissionDenied:
    """Return the refusal of an author who lost the right between the gate and the lock."""
    return PermissionDenied(
        f"you may no longer do {action} at {assignment.scope}; ask an owner of that scope",
        metadata={"action": action, "scope": assignment.scope},
    )


def _not_delegated(assignment: RoleAssignment, verb: str) -> PermissionDenied:
    return PermissionDenied(
        f"your delegation does not let you {verb} this role for {assignment.principal}"
        f" at {assignment.scope}; ask an owner of that scope",
        reason="ESCALATION",
        metadata={"scope": assignment.scope, "principal": str(assignment.principal)},
    )
