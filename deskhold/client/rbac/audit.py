"""The revision log, followed or read, and the decisions."""

from __future__ import annotations

from datetime import datetime

from deskhold.api.rbac.v1 import audit_pb2, watch_pb2
from deskhold.client.calls import PAGE_SIZE, Call, Listing, Stream

# It reads the log from its first entry.
_VERIFY_TIMEOUT_SECONDS = 120.0


def list_log_entries(
    *,
    after_revision: int = 0,
    actor: str = "",
    start_time: datetime | None = None,
    end_time: datetime | None = None,
    page_size: int = PAGE_SIZE,
) -> Listing[audit_pb2.LogEntry]:
    """Iterate over the entries of the revision log, oldest first.

    Args:
        after_revision: Only those after this revision.
        actor: Only those by this actor, as `kind:id`.
        start_time: Only those from this time on, with its time zone.
        end_time: Only those before this time.
        page_size: How many a call reads.
    """
    request = audit_pb2.ListLogEntriesRequest(
        after_revision=after_revision, actor=actor, page_size=page_size
    )
    if start_time is not None:
        request.start_time.FromDatetime(start_time)
    if end_time is not None:
        request.end_time.FromDatetime(end_time)
    return Listing(Call(request, audit_pb2.ListLogEntriesResponse), lambda page: page.entries)


def verify_log() -> Call[audit_pb2.VerifyLogResponse]:
    """Recompute the chain of hashes; names the first entry that does not fit."""
    return Call(audit_pb2.VerifyLogRequest(), audit_pb2.VerifyLogResponse, _VERIFY_TIMEOUT_SECONDS)


def list_decisions(
    *,
    decision_id: str = "",
    principal: str = "",
    denied_only: bool = False,
    page_size: int = PAGE_SIZE,
) -> Listing[audit_pb2.DecisionEntry]:
    """Iterate over decisions, newest first: denials, decisions on mutations, a sample of others.

    Args:
        decision_id: Only this one.
        principal: Only those about this principal, as `kind:id`.
        denied_only: Only denials.
        page_size: How many a call reads.
    """
    request = audit_pb2.ListDecisionsRequest(
        decision_id=decision_id,
        principal=principal,
        denied_only=denied_only,
        page_size=page_size,
    )
    return Listing(Call(request, audit_pb2.ListDecisionsResponse), lambda page: page.decisions)


def watch(
    *, after_revision: int = 0, from_now: bool = False, patience_seconds: float = 60.0
) -> Stream[watch_pb2.WatchResponse]:
    """Iterate over every revision after one, then over each as it is made; it never ends.

    Checkpoints come in between. When the service is away, or ends the stream, the iterator takes it
    up again after the last revision received: none is missing, none comes twice.

    Args:
        after_revision: The last revision known; 0: from the first on.
        from_now: Begin with what comes from now on; `after_revision` does not matter.
        patience_seconds: How long the service may be away; it is not waited for when it is not
            there at the beginning.

    Raises:
        PermissionDenied: The caller may not read the log.
        Unavailable: The service is away, and patience at its end.
        ResourceExhausted: Too many watch already.
    """
    first = watch_pb2.WatchRequest(after_revision=after_revision, from_now=from_now)
    return Stream(first, watch_pb2.WatchResponse, _after, patience_seconds)


def _after(event: watch_pb2.WatchResponse) -> watch_pb2.WatchRequest:
    seen = event.entry.revision or event.checkpoint.revision
    return watch_pb2.WatchRequest(after_revision=seen)
