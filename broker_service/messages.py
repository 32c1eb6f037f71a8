"""Between the values of all rooms and their messages."""

from __future__ import annotations

from google.protobuf.timestamp_pb2 import Timestamp

from broker_service.history.rules import Author
from deskhold.chassis.calls import Call


def timestamp(time_us: int) -> Timestamp:
    """Return microseconds since the epoch as a message."""
    stamp = Timestamp()
    stamp.FromMicroseconds(time_us)
    return stamp


def author_of(call: Call, now_us: int) -> Author:
    """Return who makes the changes of a call, by which right and when."""
    return Author(call.authenticated.key, call.request_id, call.grant.decision_id, now_us)
