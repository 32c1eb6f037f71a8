"""SQLite's one writer: what waits together shares a commit, and fails alone."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from sqlalchemy import Connection, text

from deskhold.chassis.db import Database
from deskhold.errors import NotFound, Unavailable
from tests.deskhold.chassis.db.gates import held, outcomes, queued
from tests.deskhold.chassis.things import put, stored


def grow_by(*, pages: int) -> Callable[[Connection], None]:
    """Return the work that leaves SQLite so many pages, as a disk that is nearly full."""

    def work(connection: Connection) -> None:
        now = connection.execute(text("PRAGMA page_count")).scalar_one()
        connection.execute(text(f"PRAGMA max_page_count = {now + pages}"))

    return work


async def test_nothing_is_answered_before_the_whole_batch_is_committed(
    sqlite_database: Database, sqlite_url: str
) -> None:
    seen_by_second: list[tuple[set[str], bool]] = []
    async with held(sqlite_database):
        (first,) = await queued(sqlite_database.write(put("pc-1")))

        def look(_: Connection) -> None:
            seen_by_second.append((stored(sqlite_url), first.done()))

        (second,) = await queued(sqlite_database.write(look))
    await asyncio.gather(first, second)

    assert seen_by_second == [(set(), False)]
    assert stored(sqlite_url) == {"pc-1"}


async def test_one_that_is_refused_fails_alone(sqlite_database: Database, sqlite_url: str) -> None:
    def refuse(connection: Connection) -> str:
        put("half-done")(connection)
        raise NotFound("no such host")

    async with held(sqlite_database):
        tasks = await queued(
            sqlite_database.write(put("pc-1")),
            sqlite_database.write(refuse),
            sqlite_database.write(put("pc-2")),
        )
    before, refused, after = await outcomes(tasks)

    assert (before, after) == ("pc-1", "pc-2")
    assert isinstance(refused, NotFound)
    assert stored(sqlite_url) == {"pc-1", "pc-2"}


async def test_a_defect_in_one_reaches_its_caller_only(
    sqlite_database: Database, sqlite_url: str
) -> None:
    def defect(_: Connection) -> str:
        raise ZeroDivisionError

    async with held(sqlite_database):
        tasks = await queued(sqlite_database.write(defect), sqlite_database.write(put("pc-1")))
    failed, done = await outcomes(tasks)

    assert isinstance(failed, ZeroDivisionError)
    assert done == "pc-1"
    assert stored(sqlite_url) == {"pc-1"}


async def test_a_dry_run_among_others_writes_nothing(
    sqlite_database: Database, sqlite_url: str
) -> None:
    async with held(sqlite_database):
        tasks = await queued(
            sqlite_database.write(put("only-tried"), dry=True), sqlite_database.write(put("pc-1"))
        )

    assert await outcomes(tasks) == ["only-tried", "pc-1"]
    assert stored(sqlite_url) == {"pc-1"}


async def test_one_that_makes_the_commit_fail_fails_alone(
    sqlite_database: Database, sqlite_url: str
) -> None:
    async with held(sqlite_database):
        tasks = await queued(
            sqlite_database.write(put("pc-1")),
            # The foreign key is checked at the commit, which then fails.
            sqlite_database.write(put("part", part_of="nothing")),
        )
    done, failed = await outcomes(tasks)

    assert done == "pc-1"
    assert isinstance(failed, Exception)
    assert stored(sqlite_url) == {"pc-1"}


async def test_one_for_which_the_disk_is_full_fails_alone(
    sqlite_database: Database, sqlite_url: str
) -> None:
    # SQLite then undoes the whole transaction, the parts of those before included.
    await sqlite_database.write(grow_by(pages=2))
    async with held(sqlite_database):
        tasks = await queued(
            sqlite_database.write(put("before")),
            sqlite_database.write(put("too-large" * 10_000)),
            sqlite_database.write(put("after")),
        )
    before, failed, after = await outcomes(tasks)

    assert (before, after) == ("before", "after")
    assert isinstance(failed, Unavailable)
    assert stored(sqlite_url) == {"before", "after"}


async def test_one_that_is_stopped_undoes_nothing_of_the_others(
    sqlite_database: Database, sqlite_url: str
) -> None:
    leaving: list[asyncio.Task[Any]] = []
    loop = asyncio.get_running_loop()

    def count_for_ever(connection: Connection) -> None:
        loop.call_soon_threadsafe(leaving[0].cancel)
        put("left")(connection)
        connection.execute(
            text(
                "INSERT INTO things (name) WITH RECURSIVE n (i) AS"
                " (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT 'n' || i FROM n"
            )
        )

    async with held(sqlite_database):
        before, *leaving, after = await queued(
            sqlite_database.write(put("before")),
            sqlite_database.write(count_for_ever),
            sqlite_database.write(put("after")),
        )

    assert await outcomes([before, after]) == ["before", "after"]
    assert leaving[0].cancelled()
    assert stored(sqlite_url) == {"before", "after"}


async def test_when_there_is_room_on_the_disk_again_calls_succeed(
    sqlite_database: Database, sqlite_url: str
) -> None:
    await sqlite_database.write(grow_by(pages=2))
    (failed,) = await outcomes(await queued(sqlite_database.write(put("too-large" * 10_000))))

    await sqlite_database.write(grow_by(pages=1000))
    await sqlite_database.write(put("pc-1"))

    assert isinstance(failed, Unavailable)
    assert stored(sqlite_url) == {"pc-1"}
