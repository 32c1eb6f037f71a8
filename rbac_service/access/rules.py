"""How a question is decided: Azure RBAC's rules, as a pure function of a snapshot."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from deskhold.names import ancestors
from rbac_service.access.snapshot import Snapshot
from rbac_service.roles.rules import Catalogue


@dataclass(frozen=True, slots=True)
class Decision:
    """An answer.

    Attributes:
        allowed: Whether a role assignment allows the action.
        revision: The policy revision it was given on.
        assignment_id: The role assignment that decided; empty on a denial.
        assignment_scope: Where that one is; empty on a denial.
    """

    allowed: bool
    revision: int
    assignment_id: str = ""
    assignment_scope: str = ""

    @property
    def role_assignment(self) -> str:
        """The resource name of the role assignment that decided; empty on a denial."""
        if not self.allowed:
            return ""
        return f"{self.assignment_scope}/roleAssignments/{self.assignment_id}".lstrip("/")


def decide(
    snapshot: Snapshot,
    catalogue: Catalogue,
    *,
    principal_keys: Iterable[str],
    action: str,
    scope: str,
) -> Decision:
    """Decide whether one of the principals may do an action at a scope.

    Everything is additive: one assignment, of the principal or a group of theirs, at the scope or
    above it, whose role allows the action, is enough. The nearest scope is named in the answer.

    Args:
        snapshot: The assignments.
        catalogue: The roles.
        principal_keys: The principal and its groups.
        action: Without wildcards, any case.
        scope: Well-formed; it need not be registered.
    """
    allowing = catalogue.allowing(action.lower())
    if not allowing:
        return Decision(False, snapshot.revision)
    held = [by_scope for key in principal_keys if (by_scope := snapshot.held_by(key))]
    for place in ancestors(scope) if held else ():
        for by_scope in held:
            for role_id, assignment_id in by_scope.get(place, ()):
                if catalogue.bit(role_id) & allowing:
                    return Decision(True, snapshot.revision, assignment_id, place)
    return Decision(False, snapshot.revision)
