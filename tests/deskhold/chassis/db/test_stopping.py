"""Callers who leave, and time that is over: what waits is dropped, what runs is undone."""

from __future__ import annotations

import asyncio
import threading
import time
from typing import Any, cast

import pytest
from sqlalchemy import Connection, text

from deskhold.api.rbac.v1.scopes_pb2 import CreateScopeRequest
from deskhold.chassis.calls import Call, Method, enter
from deskhold.chassis.db import Database
from deskhold.errors import Unavailable
from tests.databases import PostgresqlServer
from tests.deskhold.chassis.db.gates import held, outcomes, queued
from tests.deskhold.chassis.things import names, put, stored

FOR_EVER = {
    "sqlite": (
        "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"
    ),
    "postgresql": "SELECT pg_sleep(3600)",
}


class Slow:
    """Work that runs a statement without an end."""

    def __init__(self) -> None:
        self._began = threading.Event()

    def __call__(self, connection: Connection) -> None:
        self._began.set()
        connection.execute(text(FOR_EVER[connection.dialect.name]))

    async def reached(self) -> None:
        await asyncio.to_thread(self._began.wait)


async def test_a_caller_who_left_before_the_work_began_gets_none(
    sqlite_database: Database, sqlite_url: str
) -> None:
    async with held(sqlite_database):
        leaving, staying = await queued(
            sqlite_database.write(put("left")), sqlite_database.write(put("stayed"))
        )
        leaving.cancel()
        await asyncio.wait([leaving])
    await staying

    assert stored(sqlite_url) == {"stayed"}


async def test_work_whose_caller_leaves_is_undone(database: Database, database_url: str) -> None:
    began, left = threading.Event(), threading.Event()

    def work(connection: Connection) -> None:
        put("left")(connection)
        began.set()
        left.wait()

    (leaving,) = await queued(database.write(work))
    await asyncio.to_thread(began.wait)
    leaving.cancel()
    await asyncio.wait([leaving])
    left.set()
    await database.write(put("pc-1"))
    await database.close()

    assert stored(database_url) == {"pc-1"}


async def test_a_statement_whose_caller_leaves_is_interrupted(database: Database) -> None:
    slow = Slow()
    (leaving,) = await queued(database.read(slow))
    await slow.reached()
    leaving.cancel()

    await database.close()  # waits for what runs

    assert leaving.cancelled()


async def test_a_write_whose_caller_leaves_is_interrupted_and_the_next_runs(
    database: Database, database_url: str
) -> None:
    slow = Slow()
    (leaving,) = await queued(database.write(slow))
    await slow.reached()
    leaving.cancel()

    assert await database.write(put("pc-1")) == "pc-1"
    assert stored(database_url) == {"pc-1"}


async def test_work_that_is_not_done_in_its_time_is_undone_and_told_so(
    database: Database, database_url: str
) -> None:
    def work(connection: Connection) -> None:
        put("late")(connection)
        Slow()(connection)

    with pytest.raises(Unavailable, match=r"took too long|not done within 0\.1 s") as told:
        await database.write(work, seconds=0.1)

    assert "nothing was changed" in told.value.message
    assert told.value.retry_after_seconds == 1
    assert stored(database_url) == set()


async def test_work_that_waits_longer_than_its_time_is_dropped_and_told_so(
    sqlite_database: Database, sqlite_url: str
) -> None:
    async with held(sqlite_database):
        with pytest.raises(Unavailable, match=r"not done within 0\.1 s; nothing was changed"):
            await sqlite_database.write(put("late"), seconds=0.1)
    await sqlite_database.write(put("pc-1"))

    assert stored(sqlite_url) == {"pc-1"}


async def test_the_deadline_of_a_call_is_the_deadline_of_its_work(database: Database) -> None:
    method = Method("deskhold.api.rbac.v1.ScopeService/CreateScope", CreateScopeRequest)
    enter(Call(method, cast("Any", None), "request", 0.0, deadline=time.monotonic() + 0.2))

    with pytest.raises(Unavailable, match=r"took too long|not done within"):
        await database.read(Slow())


async def test_a_long_read_does_not_stand_in_the_way_of_others(database: Database) -> None:
    slow = Slow()
    (long,) = await queued(database.read(slow))
    await slow.reached()

    assert await database.read(names) == set()

    long.cancel()
    await outcomes([long])


async def test_on_postgresql_the_time_that_is_left_is_the_timeout_of_statements_and_locks(
    postgresql: PostgresqlServer,
) -> None:
    url = postgresql.new()
    database = Database(url)

    def ask(connection: Connection) -> list[int]:
        settings = "('statement_timeout', 'lock_timeout')"
        rows = connection.execute(
            text(f"SELECT setting::int FROM pg_settings WHERE name IN {settings} ORDER BY name")
        )
        return list(rows.scalars())

    lock_ms, statement_ms = await database.write(ask, seconds=5)

    assert 0 < lock_ms <= 5_000
    assert 0 < statement_ms <= 5_000
    await database.close()
    postgresql.drop(url)
