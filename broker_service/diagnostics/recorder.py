"""Records what becomes of calls, without ever standing in their way.

A layer around the methods appends to a bounded queue in memory and nothing more (measured: 2 us a
call); `deskhold.chassis.write_behind` writes it. What a row says is worked out where it is written,
off the event loop.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Final

from google.protobuf.message import Message
from prometheus_client import CollectorRegistry, Counter, Gauge

from broker_service.diagnostics import store
from broker_service.diagnostics.rules import ActivityKind, Seen
from broker_service.diagnostics.subjects import Subject, arrived, subject_of
from deskhold.chassis.access import Need
from deskhold.chassis.calls import Call, Handler, Method
from deskhold.chassis.clock import now_us
from deskhold.chassis.db import Connection, Database
from deskhold.chassis.write_behind import QUEUED, WriteBehind
from deskhold.errors import DeskholdError
from deskhold.identities import Domains
from deskhold.status import code_of

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

    Attributes:
        queue: The activities on their way to the store.
    """

    def __init__(
        self,
        database: Database,
        domains: Domains,
        registry: CollectorRegistry,
        *,
        queued: int = QUEUED,
        clock_us: Callable[[], int] = now_us,
    ) -> None:
        self._domains = domains
        self._clock_us = clock_us
        self.queue: WriteBehind[Seen] = WriteBehind(
            database,
            write=self._write,
            is_written=store.has_activity,
            dropped=Counter(
                "deskhold_activities_dropped",
                "Activities that were not written: their queue was full, or the database refused.",
                registry=registry,
            ),
            queued=queued,
        )

        Gauge(
            "deskhold_activities_waiting",
            "Activities that wait to be written.",
            registry=registry,
        ).set_function(lambda: self.queue.waiting_count)

    @property
    def dropped_count(self) -> int:
        """How many did not fit since the process started."""
        return self.queue.dropped_count

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
            reply = None
            try:
                reply = await handler(request, call)
                code = "OK"
            except DeskholdError as error:
                code, reason = code_of(error).name, error.reason
                decision_id = error.metadata.get("decision", "")
                raise
            except Exception:  # a defect, told as one and passed on
                code = reason = "INTERNAL"
                raise
            finally:
                if takes_success or code != "OK":
                    about = subject(request)  # empty when nobody knew the caller
                    if reply is not None and kind is ActivityKind.CONNECTION:
                        about = arrived(about, reply)
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

    def _write(self, connection: Connection, batch: Sequence[Seen]) -> None:
        store.insert_activities(connection, batch, self._domains)

    def _record(
        self,
        kind: ActivityKind,
        method: str,
        subject: Subject,
        call: Call,
        end: tuple[str, str, str],
    ) -> None:
        duration_us = int((time.monotonic() - call.started) * 1_000_000)
        code, reason, refusal_id = end
        need = call.needs[0] if call.needs else _NO_NEED
        grant = call.grant
        self.queue.put(
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
