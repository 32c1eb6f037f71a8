"""Between policy documents and their messages."""

from __future__ import annotations

import re
import uuid
from collections import defaultdict
from collections.abc import Callable

from deskhold import names
from deskhold.api.rbac.v1 import groups_pb2, principals_pb2
from deskhold.api.rbac.v1 import policies_pb2 as pb
from deskhold.errors import InvalidArgument
from rbac_service.assignments.messages import assignment_draft, assignment_message
from rbac_service.assignments.rules import split_name
from rbac_service.groups.rules import Group
from rbac_service.messages import (
    principal_message,
    principal_of,
    principal_of_key,
    timestamp,
)
from rbac_service.policies.rules import Document, Export, Outcome, WantedGroup, WantedRole
from rbac_service.roles.messages import role_draft, role_message

_GROUP = re.compile(r"groups/([A-Za-z0-9][A-Za-z0-9._-]{0,62})")


def policy_message(export: Export, role_name: Callable[[str], str]) -> pb.Policy:
    """Return a policy as a message.

    Args:
        export: The policy.
        role_name: Tells the display name of a role id.
    """
    members: dict[str, list[principals_pb2.Principal]] = defaultdict(list)
    for member in export.members:
        members[member.group_id].append(principal_message(member.principal))
    return pb.Policy(
        role_definitions=[role_message(role) for role in export.roles],
        groups=[
            pb.PolicyGroup(group=_group_message(group), members=members[group.id])
            for group in export.groups
        ],
        role_assignments=[
            assignment_message(assignment, role_name) for assignment in export.assignments
        ],
    )


def document_of(policy: pb.Policy) -> Document:
    """Return what a message wants the policy to be.

    Raises:
        InvalidArgument: A name or scope is malformed.
    """
    return Document(
        roles=tuple(
            WantedRole(_role_id(role.name, number), role_draft(role))
            for number, role in enumerate(policy.role_definitions)
        ),
        groups=tuple(_group(group, number) for number, group in enumerate(policy.groups)),
        assignments=tuple(
            assignment_draft(
                assignment,
                scope=names.parse_scope(
                    assignment.scope, field=f"policy.role_assignments[{number}].scope"
                ).scope,
                assignment_id=split_name(assignment.name)[1],
            )
            for number, assignment in enumerate(policy.role_assignments)
        ),
    )


def outcome_message(outcome: Outcome) -> pb.ImportPolicyResponse:
    """Return what an import changed as a message."""
    return pb.ImportPolicyResponse(
        changes=[pb.PolicyChange(sign=line.sign, subject=line.subject) for line in outcome.lines],
        access_changes=[
            pb.AccessChange(
                principal=principal_message(principal_of_key(change.principal_key)),
                scope=change.scope,
                gained=change.gained,
                lost=change.lost,
            )
            for change in outcome.access_changes
        ],
    )


def _group(wanted: pb.PolicyGroup, number: int) -> WantedGroup:
    match = _GROUP.fullmatch(wanted.group.name)
    if match is None:
        raise InvalidArgument.of_field(
            f"policy.groups[{number}].group.name",
            f"{wanted.group.name!r} is not of the form 'groups/ID'",
        )
    members = tuple(principal_of(member) for member in wanted.members)
    return WantedGroup(match[1], wanted.group.display_name, members)


def _role_id(name: str, number: int) -> str:
    if not name:
        return ""
    try:
        return str(uuid.UUID(name.removeprefix("roleDefinitions/")))
    except ValueError:
        raise InvalidArgument.of_field(
            f"policy.role_definitions[{number}].name",
            f"{name!r} is not of the form 'roleDefinitions/UUID'; leave it out for a new role",
        ) from None


def _group_message(group: Group) -> groups_pb2.Group:
    return groups_pb2.Group(
        name=f"groups/{group.id}",
        display_name=group.display_name,
        member_count=group.member_count,
        create_time=timestamp(group.created_us),
        etag=group.etag,
    )
