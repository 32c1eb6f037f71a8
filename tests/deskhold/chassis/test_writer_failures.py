from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import Connection, text
from sqlalchemy.exc import InternalError

from deskhold.chassis.database import Database
from deskhold.errors import Unavailable
from tests.deskhold.chassis.gates import held, outcomes, queued
from tests.deskhold.chassis.things import put, put_all, stored


def grow_by(*, pages: int) -> Callable[[Connection], None]:
    """Return the work that leaves SQLite so many pages, as a disk that is nearly full."""

    def work(connection: Connection) -> None:
        now = connection.execute(text("PRAGMA page_count")).scalar_one()
        connection.execute(text(f"PRAGMA max_page_count = {now + pages}"))

    return work


async def test_a_failed_commit_fails_everybody_in_it_and_writes_nothing(
    database: Database, database_url: str
) -> None:
    async with held(database.writer):
        tasks = await queued(
            database.writer.call(put("pc-1")),
            # The foreign key is checked at the commit, which then fails.
            database.writer.call(put("part", part_of="nothing")),
        )
    failures = await outcomes(tasks)

    assert [type(failure) for failure in failures] == [Unavailable, Unavailable]
    assert stored(database_url) == set()


async def test_a_failed_commit_tells_when_to_retry_and_shows_no_internals(
    database: Database,
) -> None:
    with pytest.raises(Unavailable) as failed:
        await database.writer.call(put("part", part_of="nothing"))

    assert failed.value.reason == "STORE_UNAVAILABLE"
    assert failed.value.retry_after_seconds == 1
    assert "foreign key" not in failed.value.message.lower()


async def test_after_a_failed_commit_the_next_call_succeeds(
    database: Database, database_url: str
) -> None:
    with pytest.raises(Unavailable):
        await database.writer.call(put("part", part_of="nothing"))

    await database.writer.call(put("pc-1"))

    assert stored(database_url) == {"pc-1"}


async def test_when_the_disk_is_full_nobody_is_told_that_anything_was_written(
    sqlite_database: Database, sqlite_url: str
) -> None:
    # SQLite then undoes the whole transaction, the parts of those before included.
    await sqlite_database.writer.call(grow_by(pages=2))
    async with held(sqlite_database.writer):
        tasks = await queued(
            sqlite_database.writer.call(put("before")),
            sqlite_database.writer.call(put("too-large" * 10_000)),
            sqlite_database.writer.call(put("after")),
        )
    failures = await outcomes(tasks)

    assert [type(failure) for failure in failures] == [Unavailable] * 3
    assert stored(sqlite_url) == set()


async def test_when_the_disk_is_full_for_one_of_an_operation_nobody_in_it_is_told_of_success(
    sqlite_database: Database, sqlite_url: str
) -> None:
    await sqlite_database.writer.call(grow_by(pages=2))
    async with held(sqlite_database.writer):
        tasks = await queued(
            *(
                sqlite_database.writer.gather(put_all, name)
                for name in ("before", "too-large" * 10_000, "after")
            )
        )
    failures = await outcomes(tasks)

    assert [type(failure) for failure in failures] == [Unavailable] * 3
    assert stored(sqlite_url) == set()


async def test_when_there_is_room_on_the_disk_again_calls_succeed(
    sqlite_database: Database, sqlite_url: str
) -> None:
    await sqlite_database.writer.call(grow_by(pages=2))
    with pytest.raises(Unavailable):
        await sqlite_database.writer.call(put("too-large" * 10_000))

    await sqlite_database.writer.call(grow_by(pages=1000))
    await sqlite_database.writer.call(put("pc-1"))

    assert stored(sqlite_url) == {"pc-1"}


async def test_a_reader_that_tries_to_write_is_refused(
    database: Database, database_url: str
) -> None:
    # Nobody's work does so; it would be a defect, which PostgreSQL has a word of its own for.
    with pytest.raises((Unavailable, InternalError)):
        await database.read(put("pc-1"))

    assert stored(database_url) == set()


async def test_a_lost_connection_fails_everybody_in_the_batch_and_the_next_gets_a_new_one(
    database: Database, database_url: str
) -> None:
    def lose(connection: Connection) -> None:
        driver: Any = connection.connection.dbapi_connection
        driver.close()
        connection.execute(text("SELECT 1"))

    async with held(database.writer):
        tasks = await queued(
            database.writer.call(put("before")),
            database.writer.call(lose),
            database.writer.call(put("after")),
        )
    failures = await outcomes(tasks)
    await database.writer.call(put("next"))

    assert [type(failure) for failure in failures] == [Unavailable] * 3
    assert stored(database_url) == {"next"}
