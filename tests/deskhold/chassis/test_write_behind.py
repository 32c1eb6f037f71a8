"""Every record is written once, whatever becomes of those who wait for it."""

from __future__ import annotations

import asyncio
import io
import threading
from collections.abc import Callable, Sequence
from typing import Any

import pytest
import structlog
from prometheus_client import CollectorRegistry, Counter
from sqlalchemy import select

from deskhold.chassis.db import Connection, Database
from deskhold.chassis.write_behind import WriteBehind
from deskhold.errors import Unavailable
from tests.deskhold.chassis.db.gates import held
from tests.deskhold.chassis.things import THINGS, put, stored


def write(connection: Connection, batch: Sequence[str]) -> None:
    for name in batch:
        put(name)(connection)


def is_written(connection: Connection, name: str) -> bool:
    return connection.execute(select(THINGS).where(THINGS.c.name == name)).first() is not None


def queue_of(database: Database, **options: Any) -> WriteBehind[str]:
    dropped = Counter("dropped", "Things that were not written.", registry=CollectorRegistry())
    return WriteBehind(
        database, **({"write": write, "is_written": is_written} | options), dropped=dropped
    )


class Failing:
    """A writer whose next calls fail, before or after they have committed."""

    def __init__(self, database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
        self._call = database.write
        self.errors: list[tuple[Exception, bool]] = []
        monkeypatch.setattr(database, "write", self)

    async def __call__(self, work: Callable[[Connection], Any]) -> Any:
        if not self.errors:
            return await self._call(work)
        error, is_committed = self.errors.pop(0)
        if is_committed:
            await self._call(work)
        raise error


async def test_a_flush_whose_caller_leaves_while_it_commits_writes_once(
    database: Database, database_url: str
) -> None:
    began, released = threading.Event(), threading.Event()

    def slowly(connection: Connection, batch: Sequence[str]) -> None:
        write(connection, batch)
        began.set()
        released.wait()

    queue = queue_of(database, write=slowly)
    queue.put("one")
    queue.put("two")
    flush = asyncio.create_task(queue.flush())
    await asyncio.to_thread(began.wait)

    flush.cancel()
    released.set()
    await asyncio.gather(flush, return_exceptions=True)
    await queue.flush()  # would fail: a name is there once

    assert stored(database_url) == {"one", "two"}
    assert queue.waiting_count == 0


async def test_a_flush_whose_caller_leaves_before_it_begins_is_written_all_the_same(
    database: Database, database_url: str
) -> None:
    queue = queue_of(database)
    queue.put("one")
    async with held(database):
        flush = asyncio.create_task(queue.flush())
        await asyncio.sleep(0)
        flush.cancel()
        await asyncio.gather(flush, return_exceptions=True)
    await queue.flush()

    assert stored(database_url) == {"one"}


@pytest.mark.parametrize("is_committed", [True, False])
async def test_a_batch_whose_answer_was_lost_is_written_once(
    database: Database, database_url: str, monkeypatch: pytest.MonkeyPatch, is_committed: bool
) -> None:
    writer = Failing(database, monkeypatch)
    writer.errors = [(Unavailable("the connection was lost during the commit"), is_committed)]
    queue = queue_of(database)
    queue.put("one")
    queue.put("two")

    with pytest.raises(Unavailable):
        await queue.flush()
    queue.put("three")
    await queue.flush()

    assert stored(database_url) == {"one", "two", "three"}


async def test_a_database_that_is_away_for_long_loses_nothing_that_fits(
    database: Database, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer = Failing(database, monkeypatch)
    writer.errors = [(Unavailable("away"), False)] * 50
    queue = queue_of(database)
    queue.put("one")

    for _ in range(50):
        with pytest.raises(Unavailable):
            await queue.flush()
    await queue.flush()

    assert (stored(database_url), queue.dropped_count) == ({"one"}, 0)


async def test_a_batch_that_can_never_be_written_is_dropped_and_counted(
    database: Database, database_url: str
) -> None:
    def refuse(connection: Connection, batch: Sequence[str]) -> None:
        if "bad" in batch:
            raise ValueError("no database takes this")
        write(connection, batch)

    queue = queue_of(database, write=refuse)
    queue.put("bad")

    for _ in range(10):
        with pytest.raises(ValueError, match="no database"):
            await queue.flush()
    queue.put("good")
    await queue.flush()

    assert (stored(database_url), queue.dropped_count) == ({"good"}, 1)


async def test_what_is_queued_at_the_end_is_written_or_logged_as_lost(
    database: Database, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = io.BytesIO()
    logger = structlog.wrap_logger(structlog.BytesLogger(log), processors=[_event])
    queue = queue_of(database)
    queue.put("one")
    await queue.close(logger)
    Failing(database, monkeypatch).errors = [(Unavailable("away"), False)]
    queue.put("two")
    await queue.close(logger)

    assert stored(database_url) == {"one"}
    assert log.getvalue() == b"records are lost; the database does not take them\n"
    assert queue.dropped_count == 1


def _event(_: Any, __: str, event: Any) -> bytes:
    return str(event["event"]).encode()
