"""Ask again when an answer does not come: one of several servers may be stopped or lost.

For questions and repeatable changes only. The calls of a channel go to its servers in turn, so that
the next attempt reaches another one. An earlier attempt goes on meanwhile: a server that is merely
slow still answers.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any, Final

import grpc

# Far above the milliseconds of an answer, so that a busy server is not asked twice.
_HEDGE_SECONDS: Final = 0.3
_ATTEMPTS: Final = 4


async def hedged(call: Callable[[float], Any], seconds: float) -> Any:
    """Return the first answer to a call that may be made several times.

    Args:
        call: Begins the call, with the time it has in seconds.
        seconds: How long all attempts may take together.

    Raises:
        grpc.aio.AioRpcError: A server refused, none can be reached, or the time is up.
    """
    ends_at = time.monotonic() + seconds
    running: set[asyncio.Future[Any]] = set()
    try:
        for attempt in range(1, _ATTEMPTS + 1):
            left = max(0.001, ends_at - time.monotonic())
            running.add(asyncio.ensure_future(_answer(call(left))))
            patience = _HEDGE_SECONDS if attempt < _ATTEMPTS else None
            while running:
                done, running = await asyncio.wait(
                    running, timeout=patience, return_when=asyncio.FIRST_COMPLETED
                )
                if not done:
                    break  # ask one more
                error = _settled(done)
                if error is None:
                    return next(one.result() for one in done if one.exception() is None)
                if error.code() is not grpc.StatusCode.UNAVAILABLE or _is_last(attempt, running):
                    raise error
                if not running:
                    break  # that one is lost: ask another at once
        raise AssertionError("the last attempt waits until it has ended")
    finally:
        for one in running:
            one.cancel()


async def _answer(call: Any) -> Any:
    return await call


def _settled(done: set[asyncio.Future[Any]]) -> grpc.aio.AioRpcError | None:
    """Return why calls failed; None: one of them has an answer."""
    errors = [one.exception() for one in done]
    if None in errors:
        return None
    for error in errors:
        if not isinstance(error, grpc.aio.AioRpcError):
            raise error  # type: ignore[misc]  # none is None
    return errors[0]  # type: ignore[return-value]


def _is_last(attempt: int, running: set[asyncio.Future[Any]]) -> bool:
    return attempt == _ATTEMPTS and not running
