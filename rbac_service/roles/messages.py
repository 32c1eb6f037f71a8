"""Between role definitions, findings about them, and their messages."""

from __future__ import annotations

from deskhold.api.rbac.v1 import role_definitions_pb2 as pb
from rbac_service.messages import timestamp
from rbac_service.roles.lint import Finding, LintKind
from rbac_service.roles.refusals import RoleDraft
from rbac_service.roles.rules import Permission, RoleDefinition

_KINDS = {
    LintKind.NOT_ACTIONS_ANNULLED: pb.LINT_KIND_NOT_ACTIONS_ANNULLED,
    LintKind.ORPHANED: pb.LINT_KIND_ORPHANED,
    LintKind.UNREACHABLE_ROLE: pb.LINT_KIND_UNREACHABLE_ROLE,
    LintKind.EXPIRED: pb.LINT_KIND_EXPIRED,
    LintKind.REDUNDANT: pb.LINT_KIND_REDUNDANT,
}


def role_message(role: RoleDefinition) -> pb.RoleDefinition:
    """Return a role as a message."""
    message = pb.RoleDefinition(
        name=role.name,
        display_name=role.display_name,
        description=role.description,
        permissions=[
            pb.Permission(actions=block.actions, not_actions=block.not_actions)
            for block in role.permissions
        ],
        built_in=role.built_in,
        etag=role.etag,
        assignable_scopes=role.assignable_scopes,
        version=role.version,
    )
    if not role.built_in:
        message.update_time.CopyFrom(timestamp(role.updated_us))
    if role.deleted_us is not None:
        message.delete_time.CopyFrom(timestamp(role.deleted_us))
    return message


def role_draft(message: pb.RoleDefinition) -> RoleDraft:
    """Return what a message wants a custom role to be."""
    return RoleDraft(
        display_name=message.display_name,
        description=message.description,
        permissions=tuple(
            Permission(tuple(block.actions), tuple(block.not_actions))
            for block in message.permissions
        ),
        assignable_scopes=tuple(message.assignable_scopes),
    )


def finding_message(finding: Finding) -> pb.LintFinding:
    """Return a finding as a message."""
    return pb.LintFinding(
        kind=_KINDS[finding.kind], subject=finding.subject, message=finding.message
    )
