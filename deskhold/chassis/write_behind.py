"""Write records behind the calls that made them: a bounded queue that delays no caller.

A task writes the queue in batches; what does not fit is dropped and counted. Each record is written
once: a batch leaves the queue before its write is awaited, the write outlives its waiter, and a
batch whose write failed is looked up before it is written again, because its commit may have
arrived although its answer did not.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from contextvars import Context
from typing import Final, Generic, TypeVar

import structlog
from prometheus_client import Counter

from deskhold.chassis.db import Connection, Database
from deskhold.errors import DeskholdError

QUEUED: Final = 10_000
_FLUSH_SECONDS: Final = 0.5
# Small, so that what callers wait for gets its turn between two batches.
_BATCH: Final = 250
# A database that is away is waited for without end. Any other failure may be the batch's own, and
# must not hold up what follows for ever; with the supervisor's pauses this is about half a minute.
_RUNS: Final = 10
_CLOSE_SECONDS: Final = 10.0

Record = TypeVar("Record")


class WriteBehind(Generic[Record]):
    """A queue of records on their way to the database.

    Args:
        database: Where they are written.
        write: Writes a batch in an open transaction.
        is_written: Says whether a record is in the database already.
        dropped: Counts the records that were not written.
        queued: How many may wait.

    Attributes:
        dropped_count: How many were dropped since the process started.
    """

    def __init__(
        self,
        database: Database,
        *,
        write: Callable[[Connection, Sequence[Record]], None],
        is_written: Callable[[Connection, Record], bool],
        dropped: Counter,
        queued: int = QUEUED,
    ) -> None:
        self._database = database
        self._write = write
        self._is_written = is_written
        self._dropped = dropped
        self._queued = queued
        self._waiting: deque[Record] = deque()
        self._batch: list[Record] = []
        self._failed_runs = 0
        self._writing = asyncio.Lock()
        self._many_wait = asyncio.Event()
        self.dropped_count = 0

    @property
    def waiting_count(self) -> int:
        """How many wait to be written."""
        return len(self._waiting) + len(self._batch)

    def put(self, record: Record) -> None:
        """Queue a record, or drop it when the queue is full; never waits, never fails."""
        if len(self._waiting) >= self._queued:
            self._drop(1)
            return
        self._waiting.append(record)
        if len(self._waiting) == self._queued // 2:
            self._many_wait.set()

    async def run(self) -> None:
        """Write the queue every half second and whenever it is half full, until cancelled.

        Raises what `flush` raises.
        """
        while True:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._many_wait.wait(), _FLUSH_SECONDS)
            self._many_wait.clear()
            await self.flush()

    async def flush(self) -> None:
        """Write every record that waits now; safe to cancel.

        Raises:
            Unavailable: The database does not answer; what was not written still waits.
            ResourceExhausted: Too much waits for the database already; likewise.
        """
        # In a context of its own: a call that flushes lends it neither its lane nor its deadline.
        writing = asyncio.create_task(self._write_waiting(), context=Context())
        await asyncio.shield(writing)

    async def close(self, logger: structlog.typing.FilteringBoundLogger) -> None:
        """Write every record for the last time; what cannot be written is logged and dropped."""
        try:
            async with asyncio.timeout(_CLOSE_SECONDS):
                await self.flush()
        except Exception:  # a database that is gone must not keep the process from stopping
            logger.exception("records are lost; the database does not take them")
            self._drop(self.waiting_count)

    async def _write_waiting(self) -> None:
        async with self._writing:
            left = self.waiting_count
            while left > 0:
                if not self._batch:
                    size = min(_BATCH, len(self._waiting))
                    self._batch = [self._waiting.popleft() for _ in range(size)]
                left -= len(self._batch)
                await self._write_batch()

    async def _write_batch(self) -> None:
        batch, is_again = self._batch, self._failed_runs > 0

        def work(connection: Connection) -> None:
            # One transaction holds the batch: its first record is there with all or with none.
            if not (is_again and self._is_written(connection, batch[0])):
                self._write(connection, batch)

        try:
            await self._database.write(work)
        except DeskholdError:
            self._failed_runs = max(1, self._failed_runs)
            raise
        except Exception:
            self._failed_runs += 1
            if self._failed_runs == _RUNS:
                self._forget_batch()
                self._drop(len(batch))
            raise
        self._forget_batch()

    def _forget_batch(self) -> None:
        self._batch, self._failed_runs = [], 0

    def _drop(self, count: int) -> None:
        self.dropped_count += count
        self._dropped.inc(count)
