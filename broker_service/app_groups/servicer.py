"""AppGroupService: message in, message out."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from google.protobuf.empty_pb2 import Empty

from broker_service.app_groups.messages import NUMBERS, TYPES, draft_of, message_of
from broker_service.app_groups.rules import AppGroupDraft
from broker_service.app_groups.usecases import AppGroups
from broker_service.messages import masked
from deskhold import names
from deskhold.api.broker.v1 import app_groups_pb2 as pb
from deskhold.api.broker.v1 import app_groups_pb2_grpc
from deskhold.chassis.calls import current
from deskhold.chassis.db.idempotency import Mutations
from deskhold.chassis.paging import Pager
from deskhold.errors import InvalidArgument
from deskhold.names import Kind

_CHANGEABLE = ("display_name", "description", "applications")


class AppGroupServicer(app_groups_pb2_grpc.AppGroupServiceServicer):
    """Makes, shows, changes and deletes app groups.

    Args:
        app_groups: The use cases.
        mutations: Runs their transactions.
        pager: Issues page tokens.
        clock_us: Microseconds since the epoch.
    """

    def __init__(
        self,
        app_groups: AppGroups,
        mutations: Mutations,
        pager: Pager,
        clock_us: Callable[[], int],
    ) -> None:
        self._app_groups = app_groups
        self._mutations = mutations
        self._pager = pager
        self._clock_us = clock_us

    async def CreateAppGroup(self, request: pb.CreateAppGroupRequest, context: Any) -> pb.AppGroup:
        """Create an app group."""
        collection = names.parse(request.parent, Kind.COLLECTION, field="parent")
        if request.app_group.type not in TYPES:
            raise InvalidArgument.of_field(
                "app_group.type", "is needed; give APP_GROUP_TYPE_DESKTOP or _REMOTE_APP"
            )
        return await self._app_groups.create(
            collection.child("appGroups", request.app_group_id),
            draft_of(request.app_group, TYPES[request.app_group.type]),
            uid=str(uuid.uuid4()),
            validate_only=request.validate_only,
            seconds=current().remaining_seconds,
            now_us=self._clock_us(),
            commit=self._mutations.commit(current(), request, pb.AppGroup, message_of),
        )

    async def GetAppGroup(self, request: pb.GetAppGroupRequest, context: Any) -> pb.AppGroup:
        """Return one app group."""
        return message_of(await self._app_groups.get(names.parse(request.name, Kind.APP_GROUP)))

    async def ListAppGroups(
        self, request: pb.ListAppGroupsRequest, context: Any
    ) -> pb.ListAppGroupsResponse:
        """Return a page of app groups."""
        caller = current().authenticated
        page = self._pager.open(request, caller.key)
        rows = await self._app_groups.list_page(request.parent, page)
        shown, token = self._pager.close(
            request, caller.key, page, rows, lambda row: row.name.rpartition("/")[2]
        )
        return pb.ListAppGroupsResponse(
            app_groups=[message_of(row) for row in shown], next_page_token=token
        )

    async def UpdateAppGroup(self, request: pb.UpdateAppGroupRequest, context: Any) -> pb.AppGroup:
        """Change an app group."""
        wanted, mask = request.app_group, request.update_mask.paths
        paths = masked(mask, _CHANGEABLE)

        def change(before: AppGroupDraft) -> AppGroupDraft:
            if list(mask) in ([], ["*"]) and wanted.type not in (0, NUMBERS[before.type]):
                raise InvalidArgument.of_field(
                    "app_group.type", "is fixed at creation; leave it as it is"
                )
            after = draft_of(wanted, before.type)
            return replace(before, **{path: getattr(after, path) for path in paths})

        return await self._app_groups.update(
            names.parse(wanted.name, Kind.APP_GROUP, field="app_group.name"),
            change,
            etag=wanted.etag,
            now_us=self._clock_us(),
            commit=self._mutations.commit(current(), request, pb.AppGroup, message_of),
        )

    async def DeleteAppGroup(self, request: pb.DeleteAppGroupRequest, context: Any) -> Empty:
        """Delete an app group."""
        return await self._app_groups.delete(
            names.parse(request.name, Kind.APP_GROUP),
            etag=request.etag,
            validate_only=request.validate_only,
            now_us=self._clock_us(),
            commit=self._mutations.commit(current(), request, Empty, lambda _: Empty()),
        )
