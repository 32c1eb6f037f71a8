"""Groups of the deployment's own directory, and who is in them."""

from __future__ import annotations

from google.protobuf.empty_pb2 import Empty

from deskhold.api.rbac.v1 import groups_pb2 as pb
from deskhold.client.calls import PAGE_SIZE, Call, Listing, new_request_id
from deskhold.client.rbac import principals
from deskhold.identities import Principal


def create_group(
    group_id: str,
    *,
    display_name: str = "",
    request_id: str | None = None,
    validate_only: bool = False,
) -> Call[pb.Group]:
    """Create an empty group. Safe to repeat.

    Raises:
        AlreadyExists: It is there with another display name.
    """
    request = pb.CreateGroupRequest(
        group_id=group_id,
        group=pb.Group(display_name=display_name),
        request_id=request_id or new_request_id(),
        validate_only=validate_only,
    )
    return Call(request, pb.Group)


def get_group(name: str) -> Call[pb.Group]:
    """Return one group, by `groups/{group}`.

    Raises:
        NotFound: There is none.
    """
    return Call(pb.GetGroupRequest(name=name), pb.Group)


def list_groups(*, page_size: int = PAGE_SIZE) -> Listing[pb.Group]:
    """Iterate over the groups, by id."""
    request = pb.ListGroupsRequest(page_size=page_size)
    return Listing(Call(request, pb.ListGroupsResponse), lambda page: page.groups)


def delete_group(
    name: str, *, etag: str = "", request_id: str | None = None, validate_only: bool = False
) -> Call[Empty]:
    """Delete a group that holds no role, with its memberships.

    Raises:
        NotFound: There is no such group.
        FailedPrecondition: It holds roles.
        Aborted: It is not the version of the etag.
    """
    request = pb.DeleteGroupRequest(
        name=name,
        etag=etag,
        request_id=request_id or new_request_id(),
        validate_only=validate_only,
    )
    return Call(request, Empty)


def add_group_member(
    name: str, member: Principal, *, request_id: str | None = None, validate_only: bool = False
) -> Call[pb.GroupMember]:
    """Put a principal into a group. Safe to repeat.

    Raises:
        NotFound: There is no such group.
        FailedPrecondition: The groups would form a cycle, or nest too deep.
        PermissionDenied: The caller may not, or lacks a permission that the group hands out.
    """
    request = pb.AddGroupMemberRequest(
        name=name,
        member=principals.message(member),
        request_id=request_id or new_request_id(),
        validate_only=validate_only,
    )
    return Call(request, pb.GroupMember)


def remove_group_member(
    name: str, member: Principal, *, request_id: str | None = None, validate_only: bool = False
) -> Call[Empty]:
    """Take a principal out of a group.

    Raises:
        NotFound: There is no such group, or the principal is not in it.
        FailedPrecondition: No permanent Owner would be left.
    """
    request = pb.RemoveGroupMemberRequest(
        name=name,
        member=principals.message(member),
        request_id=request_id or new_request_id(),
        validate_only=validate_only,
    )
    return Call(request, Empty)


def list_group_members(name: str, *, page_size: int = PAGE_SIZE) -> Listing[pb.GroupMember]:
    """Iterate over the direct members of a group.

    Raises:
        NotFound: There is no such group.
    """
    request = pb.ListGroupMembersRequest(name=name, page_size=page_size)
    return Listing(Call(request, pb.ListGroupMembersResponse), lambda page: page.members)
