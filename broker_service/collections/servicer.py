"""CollectionService: message in, message out."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

from google.protobuf.empty_pb2 import Empty
from google.protobuf.field_mask_pb2 import FieldMask

from broker_service.collections.messages import draft_message, draft_of, message_of
from broker_service.collections.rules import Draft
from broker_service.collections.usecases import Collections
from broker_service.messages import author_of, masked
from deskhold import names
from deskhold.api.broker.v1 import collections_pb2 as pb
from deskhold.api.broker.v1 import collections_pb2_grpc
from deskhold.chassis.calls import current
from deskhold.chassis.db.idempotency import Mutations
from deskhold.chassis.paging import Pager
from deskhold.errors import InvalidArgument
from deskhold.names import Kind

_CHANGEABLE = (
    "display_name",
    "description",
    "max_desktops_per_user",
    "custom_rdp_properties",
    "load_balancing",
    "max_sessions_per_host",
    "active_session_limit_minutes",
    "disconnected_session_limit_minutes",
    "idle_session_limit_minutes",
    "release_policy",
    "gateway",
    "user_name_format",
)


class CollectionServicer(collections_pb2_grpc.CollectionServiceServicer):
    """Makes, shows, changes and deletes collections.

    Args:
        collections: The use cases.
        mutations: Runs their transactions.
        pager: Issues page tokens.
        clock_us: Microseconds since the epoch.
    """

    def __init__(
        self,
        collections: Collections,
        mutations: Mutations,
        pager: Pager,
        clock_us: Callable[[], int],
    ) -> None:
        self._collections = collections
        self._mutations = mutations
        self._pager = pager
        self._clock_us = clock_us

    async def CreateCollection(
        self, request: pb.CreateCollectionRequest, context: Any
    ) -> pb.Collection:
        """Create a collection."""
        tenant = names.parse(request.parent, Kind.TENANT, field="parent")
        return await self._collections.create(
            tenant.child("collections", request.collection_id),
            draft_of(request.collection),
            uid=str(uuid.uuid4()),
            host_ids=request.host_ids,
            validate_only=request.validate_only,
            allow_unknown_properties=request.allow_unknown_rdp_properties,
            seconds=current().remaining_seconds,
            now_us=self._clock_us(),
            commit=self._mutations.commit(current(), request, pb.Collection, message_of),
        )

    async def GetCollection(self, request: pb.GetCollectionRequest, context: Any) -> pb.Collection:
        """Return one collection."""
        return message_of(await self._collections.get(request.name))

    async def ListCollections(
        self, request: pb.ListCollectionsRequest, context: Any
    ) -> pb.ListCollectionsResponse:
        """Return a page of collections."""
        caller = current().authenticated
        page = self._pager.open(request, caller.key)
        rows = await self._collections.list_page(request.parent, page)
        shown, token = self._pager.close(request, caller.key, page, rows, lambda row: row.name)
        return pb.ListCollectionsResponse(
            collections=[message_of(row) for row in shown], next_page_token=token
        )

    async def UpdateCollection(
        self, request: pb.UpdateCollectionRequest, context: Any
    ) -> pb.Collection:
        """Change a collection."""
        wanted, mask = request.collection, request.update_mask.paths
        paths = masked(mask, _CHANGEABLE)

        def change(before: Draft) -> Draft:
            if list(mask) in ([], ["*"]):
                _refuse_fixed(before, wanted)
            # Over the message of what is there: what is not named keeps its value.
            merged = draft_message(before)
            FieldMask(paths=paths).MergeMessage(wanted, merged, replace_message_field=True)
            return draft_of(merged)

        return await self._collections.update(
            wanted.name,
            change,
            etag=wanted.etag,
            allow_unknown_properties=request.allow_unknown_rdp_properties,
            now_us=self._clock_us(),
            commit=self._mutations.commit(current(), request, pb.Collection, message_of),
        )

    async def DeleteCollection(self, request: pb.DeleteCollectionRequest, context: Any) -> Empty:
        """Delete a collection."""
        call = current()
        return await self._collections.delete(
            names.parse(request.name, Kind.COLLECTION),
            etag=request.etag,
            force=request.force,
            validate_only=request.validate_only,
            author=author_of(call, self._clock_us()),
            commit=self._mutations.commit(call, request, Empty, lambda _: Empty()),
        )


def _refuse_fixed(before: Draft, wanted: pb.Collection) -> None:
    """Refuse a whole collection that says otherwise where nothing can be changed."""
    there = draft_message(before)
    for field in ("type", "auto_assign_user", "grant_administrative_privilege"):
        said = getattr(wanted, field)
        if said and said != getattr(there, field):
            raise InvalidArgument.of_field(
                f"collection.{field}", "is fixed at creation; leave it as it is"
            )
