"""Lanes: threads that gather what waits for the database into one transaction each.

A lane has one thread and one connection. It takes whatever waits, up to 64 items and without a
timer, runs it in one transaction, and answers after the commit: a reply means durable, and
concurrent writes share commits (measured in the design study: 26 times the rate of a commit each,
on a disk with 2 ms per fsync).

One bad item fails alone. An item of its own runs in a savepoint. Items of the same operation run as
one set-based statement; should that fail as a whole, each is tried again by itself.
"""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError, OperationalError, SQLAlchemyError

from deskhold.errors import DeskholdError, ResourceExhausted, Unavailable

_GATHER = 64
_MAX_WAITING = 1024
_RETRY_SECONDS = 1.0

Arg = TypeVar("Arg")
Result = TypeVar("Result")

# A set-based operation: as many results as arguments, in their order; a result that is an error
# fails that one alone.
Op = Callable[[Connection, Sequence[Arg]], Sequence["Result | DeskholdError"]]


class _RollBack(Exception):
    """Carries the result of a dry run out of its savepoint."""

    def __init__(self, result: object) -> None:
        self.result = result


@dataclass(slots=True)
class _Item:
    op: Op[Any, Any]
    argument: Any
    future: asyncio.Future[Any]
    loop: asyncio.AbstractEventLoop
    result: Any = None
    error: BaseException | None = None


class Lane:
    """One thread with one connection of an engine.

    Args:
        engine: Where the connection comes from.
        name: Names the thread.
    """

    def __init__(self, engine: Engine, name: str) -> None:
        self._engine = engine
        self._queue: queue.SimpleQueue[_Item | None] = queue.SimpleQueue()
        self._waiting = 0
        self._connection: Connection | None = None
        self._thread = threading.Thread(target=self._run, name=f"deskhold-{name}", daemon=True)
        self._thread.start()

    async def call(self, work: Callable[[Connection], Result], *, dry: bool = False) -> Result:
        """Run a function of an open connection and return its result after the commit.

        Args:
            work: Reads and writes on the connection; what it raises undoes what it wrote and is
                raised here.
            dry: Undo everything in any case; the result tells what would be.

        Raises:
            ResourceExhausted: Too much waits already.
            Unavailable: The database failed; nothing was written.
        """

        def single(connection: Connection, _: Sequence[None]) -> Sequence[Result | DeskholdError]:
            result = work(connection)
            if dry:
                raise _RollBack(result)
            return (result,)

        result: Result = await self._submit(single, None)
        return result

    async def gather(self, op: Op[Arg, Result], argument: Arg) -> Result:
        """Run one argument of a set-based operation together with the others that wait.

        Raises what `call` raises.
        """
        result: Result = await self._submit(op, argument)
        return result

    async def close(self) -> None:
        """Finish what waits and end the thread."""
        self._queue.put(None)
        await asyncio.to_thread(self._thread.join)

    async def _submit(self, op: Op[Any, Any], argument: Any) -> Any:
        if self._waiting >= _MAX_WAITING:
            raise ResourceExhausted(
                f"{_MAX_WAITING} requests wait for the database already; retry later",
                metadata={"limit": str(_MAX_WAITING)},
                retry_after_seconds=_RETRY_SECONDS,
            )
        loop = asyncio.get_running_loop()
        item = _Item(op, argument, loop.create_future(), loop)
        self._waiting += 1
        self._queue.put(item)
        try:
            return await item.future
        finally:
            self._waiting -= 1

    def _run(self) -> None:
        ending = False
        while not ending:
            batch: list[_Item] = []
            item = self._queue.get()
            while item is not None:
                # A caller who has left before the work began gets none; once committed it stays.
                if not item.future.cancelled():
                    batch.append(item)
                if len(batch) == _GATHER or self._queue.empty():
                    break
                item = self._queue.get()
            ending = item is None
            if batch:
                self._transact(batch)
                batch[0].loop.call_soon_threadsafe(_answer, batch)
        if self._connection is not None:
            self._connection.close()

    def _transact(self, batch: list[_Item]) -> None:
        try:
            groups = list(_grouped(batch))
            if len(groups) == 1:
                if self._run_whole(groups[0]):
                    return
                groups = [[item] for item in groups[0]]
            with self._connected().begin():
                for group in groups:
                    self._run_group(group)
        except SQLAlchemyError as error:
            self._lose_connection()
            for item in batch:
                item.error = _unavailable(error)
        except BaseException as error:  # a defect: tell every caller rather than end the thread
            self._lose_connection()
            for item in batch:
                item.error = error

    def _run_whole(self, group: list[_Item]) -> bool:
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
        except Exception as error:
            transaction.rollback()
            if len(group) > 1:
                return False
            group[0].error = self._judged(error)
            return True
        # What fails from here on is not run again: it may have been committed.
        transaction.commit()
        _keep(group, results)
        return True

    def _run_group(self, group: list[_Item]) -> None:
        connection = self._connected()
        savepoint = connection.begin_nested()
        try:
            results = group[0].op(connection, [item.argument for item in group])
        except Exception as error:
            # Raises when the database has undone more than this part (SQLite undoes the whole
            # transaction when the disk is full): nobody in the batch may then be told of success.
            savepoint.rollback()
            if isinstance(error, _RollBack):
                group[0].result = error.result
            elif len(group) > 1:
                for item in group:
                    self._run_group([item])
            else:
                group[0].error = self._judged(error)
        else:
            savepoint.commit()
            _keep(group, results)

    def _judged(self, error: Exception) -> Exception:
        """Return what a caller is told of a failed item; raise when the connection is gone."""
        if isinstance(error, DBAPIError) and error.connection_invalidated:
            raise error
        # Disk full, locked for too long.
        return _unavailable(error) if isinstance(error, OperationalError) else error

    def _connected(self) -> Connection:
        if self._connection is None:
            self._connection = self._engine.connect()
        return self._connection

    def _lose_connection(self) -> None:
        if self._connection is not None:
            self._connection.invalidate()
            self._connection.close()
            self._connection = None


def _keep(group: list[_Item], results: Sequence[Any]) -> None:
    for item, result in zip(group, results, strict=True):
        if isinstance(result, DeskholdError):
            item.error = result
        else:
            item.result = result


def _grouped(batch: list[_Item]) -> Iterator[list[_Item]]:
    """Bring items of the same operation together, in the order of their first arrival."""
    groups: dict[Op[Any, Any], list[_Item]] = {}
    for item in batch:
        groups.setdefault(item.op, []).append(item)
    yield from groups.values()


def _answer(batch: list[_Item]) -> None:
    for item in batch:
        if item.future.done():
            continue
        if item.error is not None:
            item.future.set_exception(item.error)
        else:
            item.future.set_result(item.result)


def _unavailable(error: BaseException) -> Unavailable:
    unavailable = Unavailable(
        "the database does not answer; nothing was changed; retry later",
        retry_after_seconds=_RETRY_SECONDS,
    )
    unavailable.__cause__ = error
    return unavailable
