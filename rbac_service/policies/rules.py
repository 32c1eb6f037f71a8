"""What a policy document holds, and what becomes of it. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field

from deskhold.errors import InvalidArgument, ResourceExhausted
from deskhold.identities import Principal
from deskhold.names import DEPLOYMENT_SCOPE, contains
from rbac_service.assignments.drafts import AssignmentDraft
from rbac_service.assignments.rules import RoleAssignment
from rbac_service.groups.rules import Group, Member
from rbac_service.roles.refusals import RoleDraft
from rbac_service.roles.rules import RoleDefinition


@dataclass(frozen=True, slots=True)
class WantedRole:
    """A custom role of a document.

    Attributes:
        id: Its UUID; empty: the role of that display name, or a new one.
        draft: What it is to be.
    """

    id: str
    draft: RoleDraft


@dataclass(frozen=True, slots=True)
class WantedGroup:
    """A group of a document.

    Attributes:
        id: Its id.
        display_name: What people call it.
        members: Its direct members.
    """

    id: str
    display_name: str
    members: tuple[Principal, ...]


@dataclass(frozen=True, slots=True)
class Document:
    """What the policy is to be.

    Attributes:
        roles: The custom roles.
        groups: The groups.
        assignments: The role assignments.
    """

    roles: tuple[WantedRole, ...] = ()
    groups: tuple[WantedGroup, ...] = ()
    assignments: tuple[AssignmentDraft, ...] = ()


@dataclass(frozen=True, slots=True)
class Export:
    """What the policy is.

    Attributes:
        roles: The custom roles in force.
        groups: The groups.
        members: Every membership, by group.
        assignments: The role assignments.
    """

    roles: tuple[RoleDefinition, ...]
    groups: tuple[Group, ...]
    members: tuple[Member, ...]
    assignments: tuple[RoleAssignment, ...]


@dataclass(frozen=True, slots=True)
class Line:
    """One change, for people.

    Attributes:
        sign: `+` added, `-` removed, `~` changed.
        subject: What.
    """

    sign: str
    subject: str


@dataclass(frozen=True, slots=True)
class AccessChange:
    """What one principal gains or loses at a scope.

    Attributes:
        principal_key: Who; a group stands for its members.
        scope: Where.
        gained: Actions of the catalogue.
        lost: Actions of the catalogue.
    """

    principal_key: str
    scope: str
    gained: tuple[str, ...]
    lost: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What an import changed, or would.

    Attributes:
        lines: The changes, in the order they are made.
        access_changes: Who may do more or less than before, where.
    """

    lines: tuple[Line, ...] = ()
    access_changes: tuple[AccessChange, ...] = field(default=())


def check_document(document: Document, scope: str) -> None:
    """Check that a document belongs to the scope it is imported at, and says nothing twice.

    Raises:
        InvalidArgument: Names the field.
    """
    if scope != DEPLOYMENT_SCOPE:
        for name, there in (("role_definitions", document.roles), ("groups", document.groups)):
            if there:
                raise InvalidArgument.of_field(
                    f"policy.{name}", f"belong to the deployment; import them at /, not at {scope}"
                )
    for number, draft in enumerate(document.assignments):
        if not contains(scope, draft.scope):
            raise InvalidArgument.of_field(
                f"policy.role_assignments[{number}].scope",
                f"{draft.scope} does not lie at {scope} or below it",
            )
    _refuse_twice("role_definitions", [one.draft.display_name.lower() for one in document.roles])
    _refuse_twice("role_definitions", [role.id for role in document.roles if role.id])
    _refuse_twice("groups", [group.id for group in document.groups])


def twice(name: str, key: str) -> InvalidArgument:
    """Return the error for what a part of a document says twice."""
    return InvalidArgument.of_field(f"policy.{name}", f"{key!r} stands there twice")


def too_large(what: str, limit: int) -> ResourceExhausted:
    """Return the error for an import that does not fit into one revision, or one answer."""
    return ResourceExhausted(
        f"this import has {what}, and {limit} is the most; import the policy scope by scope",
        metadata={"limit": str(limit)},
    )


def _refuse_twice(name: str, keys: list[str]) -> None:
    seen: set[str] = set()
    for key in keys:
        if key in seen:
            raise twice(name, key)
        seen.add(key)
