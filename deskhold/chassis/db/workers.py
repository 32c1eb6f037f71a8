"""Threads that run work: SQLite's one writer and its readers, or a pool for PostgreSQL.

The queue lives on the event loop, which hands work to a thread that is free. The thread is woken
once for all it is handed and the loop once for all answers, because each wake-up between threads
that share Python's lock costs about as much as a statement.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from sqlalchemy import Engine

from deskhold.chassis.db import failures
from deskhold.chassis.db.queue import FairQueue
from deskhold.chassis.db.running import Running
from deskhold.chassis.db.transaction import run_alone, run_together
from deskhold.chassis.db.work import Work, answer

# A statement that was about to begin when its caller left is interrupted at the next turn.
_AGAIN_SECONDS: Final = 0.5
# How long a connection has to end what was canceled before it is shut down.
_GRACE_SECONDS: Final = 2.0


@dataclass(slots=True)
class Figures:
    """What these threads have done since they started, for metrics.

    Attributes:
        threads: How many there are.
        waiting: How much work waits.
        running: How much work is running.
        transactions: How many times threads were handed work.
        works: How much work that was; divided by `transactions` the mean size of a batch.
        seconds: How long they took for it.
    """

    threads: int
    waiting: int = 0
    running: int = 0
    transactions: int = 0
    works: int = 0
    seconds: float = 0.0


class Workers:
    """Threads that share an engine.

    Attributes:
        name: Their name, in metrics.
        figures: What they have done, for metrics.
        engine: Where their connections come from.

    Args:
        engine: Has a connection for each thread.
        name: Names the threads.
        threads: How many.
        shared: How much work may share a transaction.
    """

    def __init__(self, engine: Engine, name: str, *, threads: int, shared: int = 1) -> None:
        self.name = name
        self.figures = Figures(threads)
        self.engine = engine
        self._shared = shared
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix=f"deskhold-{name}")
        self._loop: asyncio.AbstractEventLoop
        self._free = threads
        # One tenant's slow work leaves threads to the others.
        self._most_of_lane = max(1, threads // 2) * shared
        self._queue = FairQueue()
        self._running: Counter[str] = Counter()
        self._endings: set[asyncio.Task[None]] = set()
        self._is_idle = asyncio.Event()
        self._is_idle.set()
        self._is_closed = False
        self._is_dispatching = False

    async def run(self, work: Work) -> Any:
        """Run work and return its result; a caller who is cancelled stops it.

        Raises:
            ResourceExhausted: Too much waits already.
            Unavailable: The database failed. The message says whether anything may be written.
        """
        future = asyncio.get_running_loop().create_future()
        self.submit(work, partial(answer, future))
        try:
            return await future
        except asyncio.CancelledError:
            self.stop(work)
            raise

    def submit(self, work: Work, on_done: Callable[[Work], None]) -> None:
        """Let work wait for a thread.

        Args:
            work: The work.
            on_done: Called when it is done, with its result or error, or was dropped.

        Raises:
            ResourceExhausted: Too much waits already.
            Unavailable: The service is stopping.
        """
        if self._is_closed:
            raise failures.closed()
        self._queue.put(work)
        loop = self._loop = asyncio.get_running_loop()
        work.on_done = on_done
        work.ends_at = time.monotonic() + work.seconds
        work.timer = loop.call_later(work.seconds, self.stop, work)
        self._is_idle.clear()
        if not self._is_dispatching:
            self._is_dispatching = True
            # Not at once: tasks that were woken together run one after the other in this turn of
            # the loop, and what they submit shares a transaction.
            loop.call_soon(self._dispatch)

    def stop(self, work: Work) -> None:
        """Drop work that waits, or end the transaction that runs it; runs on the event loop."""
        if work.is_done or work.is_stopped:
            return
        work.is_stopped = True
        if work.running is None:
            self._queue.drop(work)
            work.error = failures.too_slow(work.seconds)
            work.finish()
            self._dispatch()
            return
        ending = self._loop.create_task(_end(work, work.running))
        self._endings.add(ending)
        ending.add_done_callback(self._endings.discard)

    def refuse(self) -> None:
        """Refuse what arrives from now on."""
        self._is_closed = True

    async def close(self) -> None:
        """Finish what waits, end the threads and close the connections; `refuse` comes first."""
        await self._is_idle.wait()
        await asyncio.to_thread(self._threads.shutdown)
        self.engine.dispose()

    def _dispatch(self) -> None:
        """Hand waiting work to free threads."""
        self._is_dispatching = False
        while self._free and (works := self._queue.take(self._shared, self._is_busy)):
            self._free -= 1
            running = Running()
            for work in works:
                work.running = running
                self._running[work.lane] += 1
            self._threads.submit(self._transact, works, running)
        self.figures.waiting = len(self._queue)
        self.figures.running = self._running.total()
        if not self._running and not self._queue:
            self._is_idle.set()

    def _is_busy(self, lane: str) -> bool:
        return self._running[lane] >= self._most_of_lane

    def _transact(self, works: Sequence[Work], running: Running) -> None:
        started = time.monotonic()
        if len(works) == 1:
            run_alone(self.engine, works[0], running)
        else:
            run_together(self.engine, works, running)
        seconds = time.monotonic() - started
        self._loop.call_soon_threadsafe(self._finish, works, seconds)

    def _finish(self, works: Sequence[Work], seconds: float) -> None:
        self._free += 1
        self._running.subtract(work.lane for work in works)
        self._running = +self._running
        self.figures.transactions += 1
        self.figures.works += len(works)
        self.figures.seconds += seconds
        for work in works:
            work.finish()
        self._dispatch()


async def _end(work: Work, running: Running) -> None:
    """Interrupt work until its transaction is over; a connection that ignores it is shut down."""
    began = time.monotonic()
    while not work.is_done:
        is_ignored = time.monotonic() - began > _GRACE_SECONDS
        await asyncio.to_thread(running.abandon if is_ignored else running.interrupt, work)
        await asyncio.sleep(_AGAIN_SECONDS)
