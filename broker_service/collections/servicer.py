"""CollectionService: message in, message out."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

from google.protobuf.empty_pb2 import Empty

from broker_service.collections.rules import Collection, CollectionType, Draft
from broker_service.collections.usecases import Collections
from broker_service.messages import author_of, timestamp
from deskhold import names
from deskhold.api.broker.v1 import collections_pb2 as pb
from deskhold.api.broker.v1 import collections_pb2_grpc
from deskhold.chassis.calls import current
from deskhold.chassis.paging import Pager
from deskhold.chassis.replay import Mutations
from deskhold.names import Kind

_TYPES = {
    pb.COLLECTION_TYPE_PERSONAL: CollectionType.PERSONAL,
    pb.COLLECTION_TYPE_POOLED: CollectionType.POOLED,
}
_NUMBERS = {kind: number for number, kind in _TYPES.items()}


class CollectionServicer(collections_pb2_grpc.CollectionServiceServicer):
    """Makes, shows and deletes collections.

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
            _draft(request.collection),
            uid=str(uuid.uuid4()),
            host_ids=request.host_ids,
            validate_only=request.validate_only,
            seconds=current().remaining_seconds,
            now_us=self._clock_us(),
            commit=self._mutations.commit(current(), request, pb.Collection, _message),
        )

    async def GetCollection(self, request: pb.GetCollectionRequest, context: Any) -> pb.Collection:
        """Return one collection."""
        return _message(await self._collections.get(request.name))

    async def ListCollections(
        self, request: pb.ListCollectionsRequest, context: Any
    ) -> pb.ListCollectionsResponse:
        """Return a page of collections."""
        caller = current().authenticated
        page = self._pager.open(request, caller.key)
        rows = await self._collections.list_page(request.parent, page)
        shown, token = self._pager.close(request, caller.key, page, rows, lambda row: row.name)
        return pb.ListCollectionsResponse(
            collections=[_message(row) for row in shown], next_page_token=token
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


def _draft(message: pb.Collection) -> Draft:
    return Draft(
        display_name=message.display_name,
        description=message.description,
        type=_TYPES[message.type],
        auto_assign_user=message.auto_assign_user,
        grant_administrative_privilege=message.grant_administrative_privilege,
        max_desktops_per_user=message.max_desktops_per_user,
    )


def _message(collection: Collection) -> pb.Collection:
    draft = collection.draft
    return pb.Collection(
        name=collection.name,
        uid=collection.uid,
        display_name=draft.display_name,
        description=draft.description,
        type=_NUMBERS[draft.type],
        auto_assign_user=draft.auto_assign_user,
        grant_administrative_privilege=draft.grant_administrative_privilege,
        max_desktops_per_user=collection.max_desktops_per_user,
        host_count=collection.host_count,
        assigned_host_count=collection.assigned_host_count,
        etag=collection.etag,
        create_time=timestamp(collection.created_us),
    )
