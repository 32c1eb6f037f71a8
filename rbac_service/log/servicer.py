"""AuditService and WatchService: message in, message out."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any, Final
from weakref import WeakKeyDictionary

from deskhold.api.rbac.v1 import audit_pb2 as pb
from deskhold.api.rbac.v1 import audit_pb2_grpc, watch_pb2, watch_pb2_grpc
from deskhold.chassis.calls import current
from deskhold.chassis.paging import Pager
from deskhold.chassis.streams import OpenStreams
from rbac_service.log.decision_rules import DecisionFilter
from rbac_service.log.decisions import DecisionLog
from rbac_service.log.messages import decision_message, entry_message, event_message
from rbac_service.log.rules import Entry, EntryFilter
from rbac_service.log.usecases import Audit
from rbac_service.log.watch import Checkpoint, Feed
from rbac_service.messages import Messages

# Characters that are decoded in less than a millisecond or two.
_BUILT_AT_ONCE: Final = 50_000


class AuditServicer(audit_pb2_grpc.AuditServiceServicer):
    """Shows the log and the decisions, and verifies the log.

    Args:
        audit: The use cases.
        decisions: Knows what it could not keep.
        messages: Knows how principals are compared.
        pager: Issues page tokens.
    """

    def __init__(
        self, audit: Audit, decisions: DecisionLog, messages: Messages, pager: Pager
    ) -> None:
        self._audit = audit
        self._decisions = decisions
        self._messages = messages
        self._pager = pager

    async def ListLogEntries(
        self, request: pb.ListLogEntriesRequest, context: Any
    ) -> pb.ListLogEntriesResponse:
        """Return a page of entries."""
        caller = current().authenticated
        rows, page = await self._audit.list_entries(
            self._wanted(request), self._pager.open(request, caller.key)
        )
        shown, token = self._pager.close(
            request, caller.key, page, rows, lambda entry: str(entry.revision)
        )
        return pb.ListLogEntriesResponse(
            entries=[entry_message(entry) for entry in shown], next_page_token=token
        )

    async def VerifyLog(self, request: pb.VerifyLogRequest, context: Any) -> pb.VerifyLogResponse:
        """Recompute the chain."""
        found = await self._audit.verify()
        return pb.VerifyLogResponse(
            verified_count=found.count,
            first_bad_revision=found.bad_revision,
            problem=found.problem,
            head_hash=found.hash,
        )

    async def ListDecisions(
        self, request: pb.ListDecisionsRequest, context: Any
    ) -> pb.ListDecisionsResponse:
        """Return a page of decisions."""
        caller = current().authenticated
        page = self._pager.open(request, caller.key)
        await self._decisions.queue.flush()  # what was decided before the question is in the answer
        wanted = DecisionFilter(
            decision_id=request.decision_id or None,
            principal=self._key(request.principal, "principal"),
            denied_only=request.denied_only,
        )
        rows = await self._audit.list_decisions(wanted, page)
        shown, token = self._pager.close(request, caller.key, page, rows, lambda row: str(row.id))
        return pb.ListDecisionsResponse(
            decisions=[decision_message(row) for row in shown],
            next_page_token=token,
            dropped_count=self._decisions.dropped_count,
        )

    def _wanted(self, request: pb.ListLogEntriesRequest) -> EntryFilter:
        return EntryFilter(
            after_revision=request.after_revision,
            actor=self._key(request.actor, "actor"),
            start_us=_time(request, "start_time"),
            end_us=_time(request, "end_time"),
        )

    def _key(self, text: str, field: str) -> str | None:
        return self._messages.key_of_text(text, field=field) if text else None


class WatchServicer(watch_pb2_grpc.WatchServiceServicer):
    """Feeds followers.

    Args:
        feed: Follows the log.
    """

    def __init__(self, feed: Feed) -> None:
        self._feed = feed
        self._streams = OpenStreams()
        # For as long as the feed, or a watcher, holds the entry.
        self._messages: WeakKeyDictionary[Entry, asyncio.Future[watch_pb2.WatchResponse]] = (
            WeakKeyDictionary()
        )

    async def Watch(
        self, request: watch_pb2.WatchRequest, context: Any
    ) -> AsyncIterator[watch_pb2.WatchResponse]:
        """Send revisions and checkpoints until the reader leaves or the server stops."""
        after = None if request.from_now else request.after_revision
        with self._streams.one_of(current().authenticated.key):
            async with aclosing(self._feed.follow(after)) as events:
                async for event in events:
                    yield await self._message(event)

    async def _message(self, event: Entry | Checkpoint) -> watch_pb2.WatchResponse:
        """Return what watchers receive: of a large revision built once for all, off the loop."""
        if isinstance(event, Checkpoint) or len(event.encoded) <= _BUILT_AT_ONCE:
            return event_message(event)
        building = self._messages.get(event)
        if building is None:
            building = asyncio.ensure_future(asyncio.to_thread(event_message, event))
            self._messages[event] = building
        return await asyncio.shield(building)


def _time(request: pb.ListLogEntriesRequest, field: Any) -> int | None:
    return int(getattr(request, field).ToMicroseconds()) if request.HasField(field) else None
