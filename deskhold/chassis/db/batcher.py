"""Set-based operations: arguments that wait for the same key run as one.

One batch of a key is in flight at a time; the next begins when it is done, with all that waits by
then and without a timer. Batches of different keys run beside each other, so that a locked row or a
slow statement of one collection delays no other.

A batch that fails as a whole is tried again one by one, aside, so that one bad argument fails alone
and the next batch does not wait for that.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final, TypeVar

from sqlalchemy import Connection

from deskhold.chassis.db.failures import is_locked
from deskhold.chassis.db.queue import refuse_if_full
from deskhold.chassis.db.work import LOCK_SECONDS, Work
from deskhold.chassis.db.workers import Workers
from deskhold.errors import DeskholdError, ResourceExhausted, Unavailable

Arg = TypeVar("Arg")
Result = TypeVar("Result")

# A set-based operation: as many results as arguments, in their order; a result that is an error
# fails that one alone.
Op = Callable[[Connection, Sequence[Arg]], Sequence["Result | DeskholdError"]]

_MOST: Final = 64
# A batch does not wait long for a row that most of it does not need.
_LOCK_SECONDS: Final = 1.0


@dataclass(slots=True, eq=False)
class _Waiter:
    """One argument of one caller.

    Attributes:
        argument: The argument.
        lane: Whose queue its batch waits in.
        ends_at: When its time is over, on the monotonic clock.
        future: Where the caller waits.
        batch: What is run for it.
    """

    argument: Any
    lane: str
    ends_at: float
    future: asyncio.Future[Any]
    batch: _Batch | None = None


@dataclass(slots=True, eq=False)
class _Batch:
    """Arguments that are run together."""

    waiters: Sequence[_Waiter]
    work: Work


@dataclass(slots=True, eq=False)
class _Group:
    """The arguments that wait for one operation of one key."""

    key: Hashable
    op: Op[Any, Any]
    waiters: list[_Waiter] = field(default_factory=list)

    def next_batch(self) -> list[_Waiter]:
        """Remove and return the next ones whose callers are still there."""
        batch: list[_Waiter] = []
        while self.waiters and not batch:
            batch = [one for one in self.waiters[:_MOST] if not one.future.done()]
            del self.waiters[:_MOST]
        return batch


class Batcher:
    """Gathers arguments by key.

    Args:
        workers: Run the batches.
        writes: Whether these change anything.
    """

    def __init__(self, workers: Workers, *, writes: bool) -> None:
        self._workers = workers
        self._writes = writes
        self._groups: dict[Hashable, _Group] = {}
        self._waiting = 0

    @property
    def waiting(self) -> int:
        """How many arguments wait or are in flight."""
        return self._waiting

    async def gather(
        self, key: str, op: Op[Arg, Result], argument: Arg, *, lane: str, seconds: float
    ) -> Result:
        """Run one argument of an operation together with the others of its key.

        Raises:
            ResourceExhausted: Too much waits already.
            Unavailable: As `Workers.run`.
        """
        loop = asyncio.get_running_loop()
        group = self._groups.get((key, op))
        refuse_if_full(len(group.waiters) if group is not None else 0, self._waiting)
        if group is None:
            group = self._groups[key, op] = _Group((key, op), op)
            # Not at once: tasks that were woken together share the batch.
            loop.call_soon(self._run_next, group)
        one = _Waiter(argument, lane, time.monotonic() + seconds, loop.create_future())
        group.waiters.append(one)
        self._waiting += 1
        try:
            result: Result = await one.future
            return result
        except asyncio.CancelledError:
            # The caller of the batch has left.
            if one.batch is not None and all(other.future.done() for other in one.batch.waiters):
                self._workers.stop(one.batch.work)
            raise
        finally:
            self._waiting -= 1

    def _run_next(self, group: _Group) -> None:
        waiters = group.next_batch()
        if waiters:
            self._run(group.op, waiters, partial(self._finish, group, waiters))
        else:
            del self._groups[group.key]

    def _run(
        self, op: Op[Any, Any], waiters: Sequence[_Waiter], on_done: Callable[[Work], None]
    ) -> None:
        arguments = [one.argument for one in waiters]
        work = Work(
            lambda connection: op(connection, arguments),
            waiters[0].lane,
            max(0.0, max(one.ends_at for one in waiters) - time.monotonic()),
            writes=self._writes,
            lock_seconds=LOCK_SECONDS if len(waiters) == 1 else _LOCK_SECONDS,
        )
        for one in waiters:
            one.batch = _Batch(waiters, work)
        try:
            self._workers.submit(work, on_done)
        except DeskholdError as refusal:
            work.error = refusal
            on_done(work)

    def _finish(self, group: _Group, waiters: Sequence[_Waiter], work: Work) -> None:
        if len(waiters) > 1 and work.error is not None and _may_be_of_one(work.error):
            for one in waiters:
                if not one.future.done():
                    self._run(group.op, [one], partial(_answer, [one]))
        else:
            _answer(waiters, work)
        self._run_next(group)


def _answer(waiters: Sequence[_Waiter], work: Work) -> None:
    results = work.result if work.error is None else [work.error] * len(waiters)
    for one, result in zip(waiters, results, strict=True):
        if one.future.done():
            continue
        if isinstance(result, BaseException):
            one.future.set_exception(result)
        else:
            one.future.set_result(result)


def _may_be_of_one(error: BaseException) -> bool:
    """Whether a batch failed for what one of it asks, and not for want of a database."""
    if isinstance(error, Unavailable | ResourceExhausted):
        return is_locked(error.__cause__)
    return True
