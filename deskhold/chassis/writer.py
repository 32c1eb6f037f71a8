"""Lanes: threads that gather what waits for the database into one transaction each.

A lane has one thread and one connection. It takes whatever waits, up to 64 items and without a
timer, runs it in one transaction, and answers after the commit: a reply means durable, and
concurrent writes share commits (measured in the design study: 26 times the rate of a commit each,
on a disk with 2 ms per fsync). Batches are made on the event loop: the thread is woken once for a
batch and the loop once for its answers, because each wake-up between threads that share Python's
lock costs about as much as a statement.

One bad item fails alone. An item of its own runs in a savepoint. Items of the same operation run as
one set-based statement; should that fail as a whole, each is tried again by itself.

Other processes write to the same PostgreSQL. What they can do to a transaction is made good here
and nowhere else: one that lost against another (serialization failure, deadlock) is run again, what
belongs to different operations each by itself, and so is one whose connection broke before the
commit; an item that met a row which another process committed meanwhile is run again in its
savepoint, now sees that row, and finds the right words itself. Work may therefore run several
times, and only its last run counts.
"""

from __future__ import annotations

import asyncio
import queue
import random
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Connection, Engine, Transaction
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from deskhold.chassis import tracing
from deskhold.chassis.batches import Arg, Item, Op, Result, answer, fail, grouped, keep
from deskhold.chassis.failures import (
    RETRY_SECONDS,
    closing,
    ends_transaction,
    is_undone,
    is_unknown,
    judged,
    lost_a_race,
    met_a_row,
    outcome_unknown,
    unavailable,
)
from deskhold.errors import DeskholdError, ResourceExhausted

_GATHER = 64
_MAX_WAITING = 1024
# A lost race is lost to somebody who went on, so a few runs are enough.
_RUNS = 5
_PAUSE_SECONDS = 0.02


class _RollBack(Exception):
    """Carries the result of a dry run out of its savepoint."""

    def __init__(self, result: object) -> None:
        self.result = result


class _OutcomeUnknown(Exception):
    """The connection broke while the commit was on its way."""


@dataclass(slots=True)
class Figures:
    """What a lane has done since it started, for metrics.

    Attributes:
        threads: How many threads it has.
        waiting: How many requests wait.
        running: How many requests are running.
        transactions: How many transactions there were.
        works: How many requests they held.
        seconds: How long they took.
    """

    threads: int = 1
    waiting: int = 0
    running: int = 0
    transactions: int = 0
    works: int = 0
    seconds: float = 0.0


class Lane:
    """One thread with one connection of an engine.

    Args:
        engine: Where the connection comes from.
        name: Names the thread.
        writes: Whether a transaction may change anything; a lost commit then is no detail.

    Attributes:
        name: Its name.
    """

    def __init__(self, engine: Engine, name: str, *, writes: bool = True) -> None:
        self._engine = engine
        self.name = name
        self._writes = writes
        self._figures = Figures()
        self._arrived: list[Item] = []
        self._is_busy = False
        self._batches: queue.SimpleQueue[list[Item] | None] = queue.SimpleQueue()
        self._waiting = 0
        self._is_closed = False
        self._connection: Connection | None = None
        self._thread = threading.Thread(target=self._run, name=f"deskhold-{name}", daemon=True)
        self._thread.start()

    async def call(
        self, work: Callable[[Connection], Result], *, dry: bool = False, about: str = ""
    ) -> Result:
        """Run a function of an open connection and return its result after the commit.

        Args:
            work: Reads and writes on the connection; what it raises undoes what it wrote and is
                raised here.
            dry: Undo everything in any case; the result tells what would be.
            about: What it changes. A transaction does its work in this order, so that processes
                lock rows in the same order and do not wait for each other in a circle.

        Raises:
            ResourceExhausted: Too much waits already.
            Unavailable: The database failed. The message says whether anything may be written.
        """

        def single(connection: Connection, _: Sequence[None]) -> Sequence[Result | DeskholdError]:
            result = work(connection)
            if dry:
                raise _RollBack(result)
            return (result,)

        result: Result = await self._submit(single, None, about)
        return result

    async def gather(self, op: Op[Arg, Result], argument: Arg) -> Result:
        """Run one argument of a set-based operation together with the others that wait.

        Raises what `call` raises.
        """
        result: Result = await self._submit(op, argument)
        return result

    @property
    def figures(self) -> Figures:
        """What it has done, for metrics."""
        figures = replace(self._figures)
        figures.waiting = max(0, self._waiting - figures.running)
        return figures

    async def close(self) -> None:
        """Finish what waits, refuse what arrives, and end the thread."""
        self._is_closed = True
        if self._arrived:
            await asyncio.wait([item.future for item in self._arrived])
        self._batches.put(None)
        await asyncio.to_thread(self._thread.join)

    async def _submit(self, op: Op[Any, Any], argument: Any, about: str | None = None) -> Any:
        if self._is_closed:
            raise closing()
        if self._waiting >= _MAX_WAITING:
            raise ResourceExhausted(
                f"{_MAX_WAITING} requests wait for the database already; retry later",
                metadata={"limit": str(_MAX_WAITING)},
                retry_after_seconds=RETRY_SECONDS,
            )
        loop = asyncio.get_running_loop()
        item = Item(op, argument, loop.create_future(), loop, about)
        self._waiting += 1
        self._arrived.append(item)
        if not self._is_busy:
            self._is_busy = True
            # Not at once: tasks that were woken together run one after the other in this turn of
            # the loop, and what they submit makes one batch.
            loop.call_soon(self._hand_over)
        try:
            with tracing.span("transaction"):
                return await item.future
        finally:
            self._waiting -= 1

    def _hand_over(self) -> None:
        """Give the thread, which has nothing to do, what has arrived."""
        batch: list[Item] = []
        while self._arrived and not batch:
            # A caller who has left before the work began gets none; once committed it stays.
            batch = [item for item in self._arrived[:_GATHER] if not item.future.cancelled()]
            del self._arrived[:_GATHER]
        self._is_busy = bool(batch)
        if batch:
            self._batches.put(batch)

    def _answer(self, batch: list[Item]) -> None:
        answer(batch)
        self._hand_over()

    def _run(self) -> None:
        while (batch := self._batches.get()) is not None:
            self._measure(batch)
            batch[0].loop.call_soon_threadsafe(self._answer, batch)
        if self._connection is not None:
            self._connection.close()

    def _measure(self, batch: list[Item]) -> None:
        begin = time.perf_counter()
        self._figures.running = len(batch)
        self._transact(batch)
        self._figures.running = 0
        self._figures.transactions += 1
        self._figures.works += len(batch)
        self._figures.seconds += time.perf_counter() - begin

    def _transact(self, batch: list[Item]) -> None:
        for run in range(1, _RUNS + 1):
            for item in batch:
                item.result = item.error = None
            try:
                self._run_batch(batch)
            except _OutcomeUnknown as unknown:
                self._lose_connection()
                fail(batch, outcome_unknown(unknown.__cause__))
            except SQLAlchemyError as error:
                self._lose_connection()
                if lost_a_race(error) and len(parts := list(grouped(batch))) > 1:
                    # By itself each holds fewer rows while it waits for others.
                    for part in parts:
                        self._transact(part)
                    return
                if is_undone(error) and run < _RUNS:
                    # Longer each time and never the same, or those who met would meet again.
                    time.sleep(random.uniform(0.5, 1.5) * _PAUSE_SECONDS * (2**run - 2))  # noqa: S311
                    continue
                fail(batch, unavailable(error))
            except BaseException as error:  # a defect: tell every caller rather than end the thread
                self._lose_connection()
                fail(batch, error)
            return

    def _run_batch(self, batch: list[Item]) -> None:
        groups = list(grouped(batch))
        if len(groups) == 1:
            if self._run_whole(groups[0]):
                return
            groups = [[item] for item in groups[0]]
        with self._connected().begin() as transaction:
            for group in groups:
                self._run_group(group)
            self._commit(transaction)

    def _run_whole(self, group: list[Item], run: int = 1) -> bool:
        """Run a batch of one operation without a savepoint; False: it failed and nothing was done.

        Nearly every batch under load is one, and a savepoint costs as much as its statements.
        """
        connection = self._connected()
        transaction = connection.begin()
        try:
            results = group[0].op(connection, [item.argument for item in group])
        except _RollBack as dry:
            transaction.rollback()
            group[0].result = dry.result
            return True
        except Exception as error:  # whatever it is, those who asked are told of it
            if ends_transaction(error):
                raise
            transaction.rollback()
            if met_a_row(error) and run < _RUNS:
                return self._run_whole(group, run + 1)
            if len(group) > 1:
                return False
            group[0].error = judged(error)
            return True
        self._commit(transaction)
        keep(group, results)
        return True

    def _run_group(self, group: list[Item], run: int = 1) -> None:
        connection = self._connected()
        savepoint = connection.begin_nested()
        try:
            results = group[0].op(connection, [item.argument for item in group])
        except Exception as error:  # whatever it is, those who asked are told of it
            if ends_transaction(error):
                raise
            # Raises when the database has undone more than this part (SQLite undoes the whole
            # transaction when the disk is full): nobody in the batch may then be told of success.
            savepoint.rollback()
            if isinstance(error, _RollBack):
                group[0].result = error.result
            elif met_a_row(error) and run < _RUNS:
                self._run_group(group, run + 1)
            elif len(group) > 1:
                for item in group:
                    self._run_group([item])
            else:
                group[0].error = judged(error)
        else:
            savepoint.commit()
            keep(group, results)

    def _commit(self, transaction: Transaction) -> None:
        # What fails here must not be run again: it may have been committed.
        try:
            transaction.commit()
        except DBAPIError as error:
            if self._writes and is_unknown(error):
                raise _OutcomeUnknown from error
            raise

    def _connected(self) -> Connection:
        if self._connection is None:
            self._connection = self._engine.connect()
        return self._connection

    def _lose_connection(self) -> None:
        if self._connection is not None:
            self._connection.invalidate()
            self._connection.close()
            self._connection = None
