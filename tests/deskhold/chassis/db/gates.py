"""Holds the database, so that what is submitted meanwhile waits and is then run together."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Coroutine, Sequence
from contextlib import asynccontextmanager
from typing import Any, TypeVar

from sqlalchemy import Connection

from deskhold.chassis.db import Database

Result = TypeVar("Result")


@asynccontextmanager
async def held(database: Database) -> AsyncIterator[None]:
    """Keep SQLite's one writer busy until the block ends."""
    began, released = threading.Event(), threading.Event()

    def hold(_: Connection) -> None:
        began.set()
        released.wait()

    holding = asyncio.create_task(database.write(hold))
    await asyncio.to_thread(began.wait)
    try:
        yield
    finally:
        released.set()
        await holding


class Gate:
    """A set-based operation whose first batch waits until it is opened."""

    def __init__(self) -> None:
        self.batches: list[Sequence[Any]] = []
        self._began, self._opened = threading.Event(), threading.Event()

    def __call__(self, _: Connection, arguments: Sequence[Any]) -> Sequence[Any]:
        self.batches.append(arguments)
        if len(self.batches) == 1:
            self._began.set()
            self._opened.wait()
        return arguments

    async def reached(self) -> None:
        await asyncio.to_thread(self._began.wait)

    def open(self) -> None:
        self._opened.set()


async def queued(*calls: Coroutine[Any, Any, Result]) -> list[asyncio.Task[Result]]:
    """Submit calls, in their order."""
    tasks = [asyncio.create_task(call) for call in calls]
    # Each submits in its first step, and the loop takes steps in the order they were made.
    await asyncio.sleep(0)
    return tasks


async def outcomes(tasks: list[asyncio.Task[Result]]) -> list[Result | BaseException]:
    """Return what became of calls, refusals included."""
    return await asyncio.gather(*tasks, return_exceptions=True)
