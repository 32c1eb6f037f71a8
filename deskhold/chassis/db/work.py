"""One piece of work: what is run, for whom, until when, and how it ended."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection

from deskhold.chassis.db.running import Running

LOCK_SECONDS = 10.0


@dataclass(slots=True, eq=False)
class Work:
    """One piece of work.

    Attributes:
        run: Reads and writes on an open connection.
        lane: The tenant or caller in whose queue it waits.
        seconds: How long it may take, the wait in the queue included.
        writes: Whether it may change anything.
        dry: Roll back in any case.
        lock_seconds: How long it waits for a lock at most.
        on_done: Called on the event loop when its transaction is over.
        ends_at: When the time is over, on the monotonic clock.
        timer: Stops it then.
        running: The transaction that runs it; None while it waits.
        is_stopped: Whether its caller has left or its time is over.
        is_done: Whether its transaction is over.
        result, error: How it ended; one of the two.
    """

    run: Callable[[Connection], Any]
    lane: str
    seconds: float
    writes: bool
    dry: bool = False
    lock_seconds: float = LOCK_SECONDS
    on_done: Callable[[Work], None] = field(init=False)
    ends_at: float = field(init=False)
    timer: asyncio.TimerHandle = field(init=False)
    running: Running | None = None
    is_stopped: bool = False
    is_done: bool = False
    result: Any = None
    error: BaseException | None = None

    @property
    def left_seconds(self) -> float:
        """The time that is left, 1 ms at the least: 0 would mean no limit to PostgreSQL."""
        return max(0.001, self.ends_at - time.monotonic())

    def finish(self) -> None:
        """Tell its caller; runs on the event loop."""
        self.is_done = True
        self.timer.cancel()
        self.on_done(self)


def answer(future: asyncio.Future[Any], work: Work) -> None:
    """Hand the result of work to a caller, who may have left."""
    if future.done():
        return
    if work.error is not None:
        future.set_exception(work.error)
    else:
        future.set_result(work.result)
