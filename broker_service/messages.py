"""Between the values of all rooms and their messages."""

from __future__ import annotations

from collections.abc import Sequence

from google.protobuf.timestamp_pb2 import Timestamp

from broker_service.history.rules import Author
from deskhold.chassis.calls import Call
from deskhold.errors import InvalidArgument


def timestamp(time_us: int) -> Timestamp:
    """Return microseconds since the epoch as a message."""
    seconds, rest = divmod(time_us, 1_000_000)
    return Timestamp(seconds=seconds, nanos=rest * 1000)


def microseconds(stamp: Timestamp, *, field: str) -> int:
    """Return a message as microseconds since the epoch.

    Raises:
        InvalidArgument: It is no time that there is; names the field.
    """
    try:
        return int(stamp.ToMicroseconds())
    except ValueError:
        raise InvalidArgument.of_field(
            field, "is no time; give one between the years 1 and 9999"
        ) from None


def author_of(call: Call, now_us: int) -> Author:
    """Return who makes the changes of a call, by which right and when."""
    return Author(call.authenticated.key, call.request_id, call.grant.decision_id, now_us)


def masked(paths: Sequence[str], changeable: Sequence[str]) -> Sequence[str]:
    """Return the fields that an update mask names (AIP-134); empty and `*` name all.

    Raises:
        InvalidArgument: It names one that cannot be changed.
    """
    if not paths or list(paths) == ["*"]:
        return changeable
    for number, path in enumerate(paths):
        if path not in changeable:
            raise InvalidArgument.of_field(
                f"update_mask.paths[{number}]",
                f"{path!r} cannot be changed; what can: {', '.join(changeable)}",
            )
    return paths
