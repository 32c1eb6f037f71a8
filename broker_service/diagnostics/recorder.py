"""Records what becomes of calls, without ever standing in their way.

A layer around the methods appends to a bounded queue in memory and nothing more (measured: 2 us a
call); a task writes the queue in batches, and what does not fit is counted, not waited for. What a
row says is worked out where it is written, off the event loop.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable
from functools import partial
from itertools import islice
from typing import Final

from google.protobuf.message import Message
from prometheus_client import CollectorRegistry

from broker_service.diagnostics import store
from broker_service.diagnostics.rules import ActivityKind, Seen
from broker_service.diagnostics.subjects import Subject, arrived, subject_of
from deskhold.chassis.access import Need
from deskhold.chassis.calls import Call, Handler, Method
from deskhold.chassis.clock import now_us
from deskhold.chassis.database import Connection, Database
from deskhold.chassis.tally import Tally
from deskhold.errors import DeskholdError, ResourceExhausted, Unavailable
from deskhold.identities import Domains
from deskhold.status import code_of

_QUEUED: Final = 10_000
_FLUSH_SECONDS: Final = 0.5
# Small, so that what callers wait for gets its turn in the writing lane between two batches.
_BATCH: Final = 250
_KINDS: Final = {
    "SessionService/Connect": ActivityKind.CONNECTION,
    "AgentService/ReportHosts": ActivityKind.REGISTRATION,
}
# Reading the records makes none; streams last.
_UNRECORDED: Final = frozenset({"DiagnosticsService/ListActivities"})
_NO_NEED: Final = Need("", "")


class Recorder:
    """Records activities.

    Args:
        database: The broker's store.
        domains: The deployment's domains, to fold user names.
        registry: Where the metric of dropped activities is kept.
        queued: How many may wait to be written.
        clock_us: Microseconds since the epoch.
    """

    def __init__(
        self,
        database: Database,
        domains: Domains,
        registry: CollectorRegistry,
        *,
        queued: int = _QUEUED,
        clock_us: Callable[[], int] = now_us,
    ) -> None:
        self._database = database
        self._domains = domains
        self._queued = queued
        self._clock_us = clock_us
        self._waiting: deque[Seen] = deque()
        self._flushing = asyncio.Lock()
        self._dropped = Tally(
            "deskhold_activities_dropped",
            "Activities that came faster than they could be written.",
            registry,
        )

    @property
    def dropped_count(self) -> int:
        """How many did not fit since the process started."""
        return self._dropped.count

    def layer(self, method: Method, handler: Handler) -> Handler:
        """Record every call of a method and what it ends with.

        Hosts report every half minute: of their reports only those that fail as a whole are
        recorded here, and `register` is told of what else is worth it.
        """
        if method.streams or method.name in _UNRECORDED:
            return handler
        kind = _KINDS.get(method.name, ActivityKind.MANAGEMENT)
        takes_success = kind is not ActivityKind.REGISTRATION
        subject = subject_of(method.request_type)
        name = method.name

        async def observed(request: Message, call: Call) -> Message:
            code, reason, decision_id = "CANCELLED", "", ""
            about = subject(request)
            try:
                reply = await handler(request, call)
                code = "OK"
                if kind is ActivityKind.CONNECTION:
                    about = arrived(about, reply)
            except DeskholdError as error:
                code, reason = code_of(error).name, error.reason
                decision_id = error.metadata.get("decision", "")
                raise
            except Exception:  # a defect, told as one and passed on
                code = reason = "INTERNAL"
                raise
            finally:
                if takes_success or code != "OK":
                    self._record(kind, name, about, call, (code, reason, decision_id))
            return reply

        return observed

    def register(self, call: Call, host: str, error: DeskholdError | None = None) -> None:
        """Record that a host's agent reported for the first time or after a start, or in vain.

        Args:
            call: The call that carried the report.
            host: Name of the host.
            error: Why it was refused; None: it was taken.
        """
        end = ("OK", "", "") if error is None else (code_of(error).name, error.reason, "")
        kind = ActivityKind.REGISTRATION
        self._record(kind, call.method.name, (host, "", ""), call, end)

    async def run(self) -> None:
        """Write what waits, over and over, until cancelled."""
        while True:
            await asyncio.sleep(_FLUSH_SECONDS)
            try:
                await self.flush()
            except (Unavailable, ResourceExhausted):
                # It still waits; what comes on top of a full queue is counted as dropped.
                continue

    async def flush(self) -> None:
        """Write everything that waits now.

        Raises:
            Unavailable: The store does not answer; what was not written still waits.
            ResourceExhausted: Too much waits for the store already; likewise.
        """
        async with self._flushing:
            left = len(self._waiting)
            while left > 0:
                batch = list(islice(self._waiting, min(left, _BATCH)))
                await self._database.writer.call(partial(self._write, batch=batch))
                for _ in batch:
                    self._waiting.popleft()
                left -= len(batch)

    def _write(self, connection: Connection, *, batch: list[Seen]) -> None:
        store.insert_activities(connection, batch, self._domains)

    def _record(
        self,
        kind: ActivityKind,
        method: str,
        subject: Subject,
        call: Call,
        end: tuple[str, str, str],
    ) -> None:
        if len(self._waiting) >= self._queued:
            self._dropped.count += 1
            return
        duration_us = int((time.monotonic() - call.started) * 1_000_000)
        code, reason, refusal_id = end
        need = call.needs[0] if call.needs else _NO_NEED
        grant = call.grant
        self._waiting.append(
            Seen(
                kind,
                method,
                *subject,
                call.caller.key if call.caller is not None else "",
                code,
                reason,
                need.action,
                need.scope,
                grant.decision_id or refusal_id,
                grant.revision,
                grant.role_assignment,
                call.request_id,
                self._clock_us() - duration_us,
                duration_us,
            )
        )
