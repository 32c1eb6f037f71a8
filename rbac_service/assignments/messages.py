"""Between role assignments and their messages."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from deskhold.api.rbac.v1 import role_assignments_pb2 as pb
from rbac_service.assignments.drafts import AssignmentDraft, DelegationDraft
from rbac_service.assignments.rules import Delegation, RoleAssignment
from rbac_service.messages import (
    kind_number,
    kind_of,
    principal_message,
    principal_of,
    principal_of_key,
    timestamp,
)


def assignment_draft(
    message: pb.RoleAssignment, *, scope: str, assignment_id: str
) -> AssignmentDraft:
    """Return what a message wants a role assignment to be."""
    return AssignmentDraft(
        scope=scope,
        principal=principal_of(message.principal),
        role=message.role_definition,
        id=assignment_id,
        start_us=_time(message, "start_time"),
        expire_us=_time(message, "expire_time"),
        delegation=_delegation_draft(message),
    )


def assignment_message(
    assignment: RoleAssignment, role_name: Callable[[str], str]
) -> pb.RoleAssignment:
    """Return a role assignment as a message.

    Args:
        assignment: The assignment.
        role_name: Tells the display name of a role id.
    """
    message = pb.RoleAssignment(
        name=assignment.name,
        principal=principal_message(assignment.principal),
        role_definition=f"roleDefinitions/{assignment.role_id}",
        role_display_name=role_name(assignment.role_id),
        scope=assignment.scope,
        create_time=timestamp(assignment.created_us),
        created_by=assignment.created_by,
        etag=assignment.etag,
    )
    if assignment.start_us is not None:
        message.start_time.CopyFrom(timestamp(assignment.start_us))
    if assignment.expire_us is not None:
        message.expire_time.CopyFrom(timestamp(assignment.expire_us))
    if assignment.delegation is not None:
        message.delegation.CopyFrom(_delegation(assignment.delegation))
    return message


def _time(message: Any, field: str) -> int | None:
    return int(getattr(message, field).ToMicroseconds()) if message.HasField(field) else None


def _delegation_draft(message: pb.RoleAssignment) -> DelegationDraft | None:
    if not message.HasField("delegation"):
        return None
    limits = message.delegation
    longest = limits.max_duration.ToMicroseconds() if limits.HasField("max_duration") else None
    return DelegationDraft(
        roles=tuple(limits.role_definitions),
        kinds=tuple(kind_of(number).value for number in limits.principal_kinds),
        principals=tuple(principal_of(principal) for principal in limits.principals),
        max_duration_us=longest,
    )


def _delegation(delegation: Delegation) -> pb.Delegation:
    message = pb.Delegation(
        role_definitions=[f"roleDefinitions/{role_id}" for role_id in delegation.role_ids],
        principal_kinds=[kind_number(kind) for kind in delegation.kinds],
        principals=[principal_message(principal_of_key(key)) for key in delegation.principal_keys],
    )
    if delegation.max_duration_us is not None:
        message.max_duration.FromMicroseconds(delegation.max_duration_us)
    return message
