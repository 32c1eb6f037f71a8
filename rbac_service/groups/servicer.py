"""GroupService: message in, message out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from google.protobuf.empty_pb2 import Empty

from deskhold.api.rbac.v1 import groups_pb2 as pb
from deskhold.api.rbac.v1 import groups_pb2_grpc
from deskhold.chassis.calls import current
from deskhold.chassis.db.idempotency import Mutations
from deskhold.chassis.paging import Pager
from rbac_service.groups.rules import Group, Member
from rbac_service.groups.usecases import Groups
from rbac_service.messages import Messages, principal_message, principal_of, timestamp


class GroupServicer(groups_pb2_grpc.GroupServiceServicer):
    """Makes, shows and deletes groups, and changes who is in them.

    Args:
        groups: The use cases.
        messages: Knows who the author of a call is.
        mutations: Runs the transactions.
        pager: Issues page tokens.
        clock_us: Microseconds since the epoch.
    """

    def __init__(
        self,
        groups: Groups,
        *,
        messages: Messages,
        mutations: Mutations,
        pager: Pager,
        clock_us: Callable[[], int],
    ) -> None:
        self._groups = groups
        self._messages = messages
        self._mutations = mutations
        self._pager = pager
        self._clock_us = clock_us

    async def CreateGroup(self, request: pb.CreateGroupRequest, context: Any) -> pb.Group:
        """Create a group."""
        call = current()
        return await self._groups.create(
            request.group_id,
            display_name=request.group.display_name,
            author=self._messages.author_of(call),
            now_us=self._clock_us(),
            commit=self._mutations.commit(call, request, pb.Group, _group),
        )

    async def GetGroup(self, request: pb.GetGroupRequest, context: Any) -> pb.Group:
        """Return one group."""
        return _group(await self._groups.get(_id(request.name)))

    async def ListGroups(
        self, request: pb.ListGroupsRequest, context: Any
    ) -> pb.ListGroupsResponse:
        """Return a page of groups."""
        caller = current().authenticated
        page = self._pager.open(request, caller.key)
        rows = await self._groups.list_page(page)
        shown, token = self._pager.close(request, caller.key, page, rows, lambda row: row.id)
        return pb.ListGroupsResponse(groups=[_group(row) for row in shown], next_page_token=token)

    async def DeleteGroup(self, request: pb.DeleteGroupRequest, context: Any) -> Empty:
        """Delete a group."""
        call = current()
        return await self._groups.delete(
            _id(request.name),
            etag=request.etag,
            author=self._messages.author_of(call),
            now_us=self._clock_us(),
            commit=self._mutations.commit(call, request, Empty, lambda _: Empty()),
        )

    async def AddGroupMember(
        self, request: pb.AddGroupMemberRequest, context: Any
    ) -> pb.GroupMember:
        """Add a member."""
        call = current()
        return await self._groups.add_member(
            _id(request.name),
            principal_of(request.member),
            author=self._messages.author_of(call),
            now_us=self._clock_us(),
            commit=self._mutations.commit(call, request, pb.GroupMember, _member),
        )

    async def RemoveGroupMember(self, request: pb.RemoveGroupMemberRequest, context: Any) -> Empty:
        """Remove a member."""
        call = current()
        return await self._groups.remove_member(
            _id(request.name),
            principal_of(request.member),
            author=self._messages.author_of(call),
            now_us=self._clock_us(),
            commit=self._mutations.commit(call, request, Empty, lambda _: Empty()),
        )

    async def ListGroupMembers(
        self, request: pb.ListGroupMembersRequest, context: Any
    ) -> pb.ListGroupMembersResponse:
        """Return a page of members."""
        caller = current().authenticated
        page = self._pager.open(request, caller.key)
        rows = await self._groups.list_members(_id(request.name), page)
        shown, token = self._pager.close(request, caller.key, page, rows, lambda row: row.key)
        return pb.ListGroupMembersResponse(
            members=[_member(row) for row in shown], next_page_token=token
        )


def _id(name: str) -> str:
    return name.removeprefix("groups/")


def _group(group: Group) -> pb.Group:
    return pb.Group(
        name=f"groups/{group.id}",
        display_name=group.display_name,
        member_count=group.member_count,
        create_time=timestamp(group.created_us),
        etag=group.etag,
    )


def _member(member: Member) -> pb.GroupMember:
    return pb.GroupMember(
        group=f"groups/{member.group_id}",
        member=principal_message(member.principal),
        create_time=timestamp(member.created_us),
    )
