"""Holds a lane, so that what is submitted meanwhile waits and then runs as one batch."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any, TypeVar

from sqlalchemy import Connection

from deskhold.chassis.writer import Lane

Result = TypeVar("Result")


@asynccontextmanager
async def held(lane: Lane) -> AsyncIterator[None]:
    """Keep the lane busy until the block ends."""
    began, released = threading.Event(), threading.Event()

    def hold(_: Connection) -> None:
        began.set()
        released.wait()

    holding = asyncio.create_task(lane.call(hold))
    await asyncio.to_thread(began.wait)
    try:
        yield
    finally:
        released.set()
        await holding


async def queued(*calls: Coroutine[Any, Any, Result]) -> list[asyncio.Task[Result]]:
    """Submit calls to a lane, in their order."""
    tasks = [asyncio.create_task(call) for call in calls]
    # Each submits in its first step, and the loop takes steps in the order they were made.
    await asyncio.sleep(0)
    return tasks


async def outcomes(tasks: list[asyncio.Task[Result]]) -> list[Result | BaseException]:
    """Return what became of calls, refusals included."""
    return await asyncio.gather(*tasks, return_exceptions=True)
