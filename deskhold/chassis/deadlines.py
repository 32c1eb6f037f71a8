"""No work for callers who have left, and no work without an end.

gRPC cancels a handler when its caller's deadline passes; a caller without one, or with one too far
away, gets the server's. `Call.remaining_seconds` is what every call made on the way is given at the
most. A stream that has reached its longest age is no failure: it ends, and its reader resumes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import NamedTuple

from google.protobuf.message import Message

from deskhold.chassis.calls import Call, Handler, Layer, Method
from deskhold.errors import DeadlineExceeded

# Less than this and the answer would come too late anyway: one hop on
# loopback takes about a millisecond.
_MARGIN_SECONDS = 0.002


class Longest(NamedTuple):
    """How long calls may last.

    Attributes:
        call_seconds: The longest a call with one answer may take.
        stream_seconds: The longest a stream lasts; also how long a right that was taken away may
            still be used by a stream that began before.
    """

    call_seconds: float
    stream_seconds: float


def layer(longest: Callable[[], Longest]) -> Layer:
    """Return the layer that gives every call an end.

    Args:
        longest: Returns the limits; asked with each call, because they may change meanwhile.
    """

    def wrap(method: Method, handler: Handler) -> Handler:
        async def aged(request: Message, call: Call) -> Message:
            # Only the end is set here: where messages are written is known when one may end.
            remaining = call.context.time_remaining()
            stream_seconds = longest().stream_seconds
            asked = stream_seconds if remaining is None else remaining
            call.deadline = call.started + min(asked, stream_seconds)
            return await handler(request, call)

        async def limited(request: Message, call: Call) -> Message:
            remaining, max_seconds = call.context.time_remaining(), longest().call_seconds
            if remaining is not None and remaining <= max_seconds:
                if remaining < _MARGIN_SECONDS:
                    raise DeadlineExceeded("the deadline had passed when the call arrived")
                call.deadline = call.started + remaining
                return await handler(request, call)
            call.deadline = call.started + max_seconds
            limit = asyncio.timeout(max_seconds)
            try:
                async with limit:
                    return await handler(request, call)
            except TimeoutError:
                if not limit.expired():
                    raise  # the servicer's own, which is a defect
                raise DeadlineExceeded(
                    f"the call took longer than {max_seconds:g} s, the most this service allows",
                    metadata={"max_seconds": f"{max_seconds:g}"},
                ) from None

        return aged if method.streams else limited

    return wrap
