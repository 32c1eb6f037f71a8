"""Between the log and its messages."""

from __future__ import annotations

from deskhold.api.rbac.v1 import audit_pb2 as pb
from deskhold.api.rbac.v1 import watch_pb2
from rbac_service.log.decision_rules import StoredDecision
from rbac_service.log.rules import Change, Entry
from rbac_service.log.watch import Checkpoint
from rbac_service.messages import timestamp


def entry_message(entry: Entry) -> pb.LogEntry:
    """Return an entry as a message."""
    return pb.LogEntry(
        revision=entry.revision,
        time=timestamp(entry.time_us),
        actor=entry.actor,
        request_id=entry.request_id,
        decision_id=entry.decision_id,
        changes=[_change(change) for change in entry.changes],
        hash=entry.hash,
        previous_hash=entry.previous_hash,
    )


def event_message(event: Entry | Checkpoint) -> watch_pb2.WatchResponse:
    """Return what a watcher hears as a message."""
    if isinstance(event, Entry):
        return watch_pb2.WatchResponse(entry=entry_message(event))
    return watch_pb2.WatchResponse(
        checkpoint=watch_pb2.Checkpoint(revision=event.revision, time=timestamp(event.time_us))
    )


def decision_message(decision: StoredDecision) -> pb.DecisionEntry:
    """Return a decision as a message."""
    return pb.DecisionEntry(
        decision_id=decision.decision_id,
        time=timestamp(decision.time_us),
        caller=decision.caller,
        principal=decision.principal,
        action=decision.action,
        scope=decision.scope,
        allowed=decision.allowed,
        revision=decision.revision,
        role_assignment=decision.role_assignment,
    )


def _change(change: Change) -> pb.LogChange:
    message = pb.LogChange(kind=change.kind.value)
    message.row.update(change.row)
    return message
