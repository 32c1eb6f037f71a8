"""Who holds which role where."""

from __future__ import annotations

from datetime import datetime

from google.protobuf.empty_pb2 import Empty

from deskhold.api.rbac.v1 import role_assignments_pb2 as pb
from deskhold.client.calls import PAGE_SIZE, Call, Listing, new_request_id
from deskhold.client.rbac import principals
from deskhold.identities import Principal


def create_role_assignment(
    scope: str,
    principal: Principal,
    role: str,
    *,
    start_time: datetime | None = None,
    expire_time: datetime | None = None,
    delegation: pb.Delegation | None = None,
    role_assignment_id: str = "",
    request_id: str | None = None,
    validate_only: bool = False,
) -> Call[pb.RoleAssignment]:
    """Give a principal a role at a scope and all scopes below it. Safe to repeat.

    Args:
        scope: Where; it must be registered.
        principal: To whom.
        role: `roleDefinitions/{id}`, or a display name such as `RDS Owner`.
        start_time: From when it counts, with its time zone; at once when not given.
        expire_time: Until when, exclusive; for ever when not given.
        delegation: What the holder may hand out by it; what they hold when not given.
        role_assignment_id: A UUID; derived from scope, principal and role when empty.
        request_id: See `deskhold.client.rbac`.
        validate_only: Change nothing.

    Raises:
        NotFound: There is no such scope or role.
        AlreadyExists: The chosen id belongs to another assignment.
        PermissionDenied: The caller may not, or lacks a permission that the role hands out.
    """
    assignment = pb.RoleAssignment(
        principal=principals.message(principal), role_definition=role, delegation=delegation
    )
    if start_time is not None:
        assignment.start_time.FromDatetime(start_time)
    if expire_time is not None:
        assignment.expire_time.FromDatetime(expire_time)
    request = pb.CreateRoleAssignmentRequest(
        scope=scope,
        role_assignment=assignment,
        role_assignment_id=role_assignment_id,
        request_id=request_id or new_request_id(),
        validate_only=validate_only,
    )
    return Call(request, pb.RoleAssignment)


def get_role_assignment(name: str) -> Call[pb.RoleAssignment]:
    """Return one role assignment, by `{scope}/roleAssignments/{id}` without a leading slash.

    Raises:
        NotFound: There is none.
    """
    return Call(pb.GetRoleAssignmentRequest(name=name), pb.RoleAssignment)


def list_role_assignments(
    scope: str,
    *,
    principal: Principal | None = None,
    role: str = "",
    at_scope_only: bool = False,
    through_groups: bool = False,
    page_size: int = PAGE_SIZE,
) -> Listing[pb.RoleAssignment]:
    """Iterate over the role assignments at a scope, above it and below it, or only at it.

    With `principal` and `through_groups`, also those of the groups the principal is in.
    """
    request = pb.ListRoleAssignmentsRequest(
        scope=scope,
        principal=principals.optional(principal),
        role_definition=role,
        at_scope_only=at_scope_only,
        through_groups=through_groups,
        page_size=page_size,
    )
    return Listing(
        Call(request, pb.ListRoleAssignmentsResponse), lambda page: page.role_assignments
    )


def delete_role_assignment(
    name: str, *, etag: str = "", request_id: str | None = None, validate_only: bool = False
) -> Call[Empty]:
    """Take a role away.

    Raises:
        NotFound: There is no such role assignment.
        FailedPrecondition: It is the last Owner's.
        Aborted: It is not the version of the etag.
    """
    request = pb.DeleteRoleAssignmentRequest(
        name=name,
        etag=etag,
        request_id=request_id or new_request_id(),
        validate_only=validate_only,
    )
    return Call(request, Empty)
