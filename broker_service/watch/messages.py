"""Between changes and their messages."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from broker_service.app_groups import messages as app_group_messages
from broker_service.assignments.messages import assignments_of
from broker_service.changes.rules import ResourceKind
from broker_service.collections import messages as collection_messages
from broker_service.hosts import messages as host_messages
from broker_service.messages import timestamp
from broker_service.sessions.messages import session_message
from broker_service.watch.rules import Checkpoint, Event
from deskhold.api.broker.v1 import watch_pb2 as pb

KINDS: Mapping[pb.ResourceKind.ValueType, ResourceKind] = {
    pb.RESOURCE_KIND_COLLECTION: ResourceKind.COLLECTION,
    pb.RESOURCE_KIND_APP_GROUP: ResourceKind.APP_GROUP,
    pb.RESOURCE_KIND_HOST: ResourceKind.HOST,
    pb.RESOURCE_KIND_ASSIGNMENT: ResourceKind.ASSIGNMENT,
    pb.RESOURCE_KIND_SESSION: ResourceKind.SESSION,
}
_NUMBERS = {kind: number for number, kind in KINDS.items()}


def event_message(event: Event | Checkpoint) -> pb.WatchResponse:
    """Return what a watcher hears as a message."""
    message = pb.WatchResponse(position=str(event.position), time=timestamp(event.time_us))
    if isinstance(event, Event):
        message.change.kind = _NUMBERS[event.kind]
        message.change.name = event.name
        if event.resource is not None:
            _PUTS[event.kind](message.change, event)
    return message


def _put_collection(change: pb.Change, event: Event) -> None:
    change.collection.CopyFrom(collection_messages.message_of(event.resource))


def _put_host(change: pb.Change, event: Event) -> None:
    change.host.CopyFrom(host_messages.host_message(event.resource, event.time_us))


def _put_assignment(change: pb.Change, event: Event) -> None:
    (assignment,) = assignments_of([event.resource])
    change.assignment.CopyFrom(assignment)


def _put_app_group(change: pb.Change, event: Event) -> None:
    change.app_group.CopyFrom(app_group_messages.message_of(event.resource))


def _put_session(change: pb.Change, event: Event) -> None:
    change.session.CopyFrom(session_message(event.resource))


_PUTS: Mapping[ResourceKind, Callable[[pb.Change, Event], None]] = {
    ResourceKind.COLLECTION: _put_collection,
    ResourceKind.APP_GROUP: _put_app_group,
    ResourceKind.HOST: _put_host,
    ResourceKind.ASSIGNMENT: _put_assignment,
    ResourceKind.SESSION: _put_session,
}
