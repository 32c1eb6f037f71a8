"""WatchService: message in, messages out."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any

from broker_service.changes.rules import Position
from broker_service.watch.hub import Hub
from broker_service.watch.messages import KINDS, event_message
from broker_service.watch.rules import Interest
from deskhold import names
from deskhold.api.broker.v1 import watch_pb2 as pb
from deskhold.api.broker.v1 import watch_pb2_grpc
from deskhold.chassis.calls import current
from deskhold.chassis.streams import OpenStreams
from deskhold.names import Kind


class WatchServicer(watch_pb2_grpc.WatchServiceServicer):
    """Feeds watchers.

    Args:
        hub: Follows the changes.
    """

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._streams = OpenStreams()

    async def Watch(
        self, request: pb.WatchRequest, context: Any
    ) -> AsyncIterator[pb.WatchResponse]:
        """Send changes and checkpoints until the reader leaves or the server stops."""
        parent = names.parse(request.parent, Kind.TENANT, Kind.COLLECTION, field="parent")
        kinds = [KINDS[number] for number in request.kinds] or KINDS.values()
        interest = Interest(parent.text, frozenset(kinds))
        after = Position.parse(request.position) if request.position else None
        with self._streams.one_of(current().authenticated.key):
            async with aclosing(self._hub.follow(interest, after)) as events:
                async for event in events:
                    yield event_message(event)
