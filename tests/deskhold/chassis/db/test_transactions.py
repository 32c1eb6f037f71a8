"""Reads and writes, on both databases."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import Connection, select, text

from deskhold.chassis.db import Database
from deskhold.errors import AlreadyExists, Unavailable
from tests.databases import PostgresqlServer
from tests.deskhold.chassis.db.gates import outcomes, queued
from tests.deskhold.chassis.things import THINGS, names, other_process, put, stored


@pytest.mark.parametrize(
    ("pragma", "value"),
    [("journal_mode", "wal"), ("synchronous", 2), ("foreign_keys", 1)],
)
async def test_on_sqlite_writes_are_durable_and_constrained(
    sqlite_database: Database, pragma: str, value: object
) -> None:
    def ask(connection: Connection) -> object:
        return connection.execute(text(f"PRAGMA {pragma}")).scalar_one()

    assert await sqlite_database.write(ask) == value


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("transaction_isolation", "read committed"),
        ("transaction_read_only", "off"),
        ("lock_timeout", "10s"),
        ("idle_in_transaction_session_timeout", "1min"),
    ],
)
async def test_on_postgresql_nothing_is_waited_for_without_an_end(
    postgresql: PostgresqlServer, setting: str, value: str
) -> None:
    url = postgresql.new()
    database = Database(url)

    def ask(connection: Connection) -> object:
        return connection.execute(text(f"SHOW {setting}")).scalar_one()

    assert await database.write(ask) == value
    await database.close()
    postgresql.drop(url)


async def test_what_was_answered_is_there_for_every_other_process(
    database: Database, database_url: str
) -> None:
    assert await database.write(put("pc-1")) == "pc-1"
    assert stored(database_url) == {"pc-1"}


async def test_a_read_sees_one_state_of_the_database(database: Database, database_url: str) -> None:
    def look_twice(connection: Connection) -> tuple[set[str], set[str]]:
        first = names(connection)
        with other_process(database_url) as other:
            put("meanwhile")(other)
        return first, names(connection)

    assert await database.read(look_twice) == (set(), set())
    assert stored(database_url) == {"meanwhile"}


async def test_a_read_sees_what_was_answered_before_it(database: Database) -> None:
    await database.write(put("pc-1"))

    assert await database.read(names) == {"pc-1"}


async def test_a_read_that_tries_to_write_is_refused(database: Database, database_url: str) -> None:
    with pytest.raises(Unavailable):
        await database.read(put("pc-1"))

    assert stored(database_url) == set()


async def test_a_dry_run_by_itself_writes_nothing(database: Database, database_url: str) -> None:
    assert await database.write(put("only-tried"), dry=True) == "only-tried"

    assert stored(database_url) == set()


async def test_a_dry_run_that_would_be_refused_is_refused(database: Database) -> None:
    await database.write(put("pc-1"))

    def refuse(connection: Connection) -> str:
        if connection.execute(select(THINGS)).all():
            raise AlreadyExists("pc-1 is there")
        return "would be made"

    with pytest.raises(AlreadyExists):
        await database.write(refuse, dry=True)


async def test_closing_finishes_what_waits_and_refuses_what_arrives(
    database: Database, database_url: str
) -> None:
    tasks = await queued(*(database.write(put(f"pc-{number}")) for number in range(30)))
    (closing,) = await queued(database.close())
    (late,) = await outcomes(await queued(database.write(put("late"))))
    await closing

    assert await outcomes(tasks) == [f"pc-{number}" for number in range(30)]
    assert isinstance(late, Unavailable)
    assert stored(database_url) == {f"pc-{number}" for number in range(30)}


async def test_a_lost_connection_fails_its_caller_and_the_next_gets_a_new_one(
    database: Database, database_url: str
) -> None:
    def lose(connection: Connection) -> None:
        driver: Any = connection.connection.dbapi_connection
        driver.close()
        connection.execute(text("SELECT 1"))

    lost, kept = await outcomes(await queued(database.write(lose), database.write(put("kept"))))
    await database.write(put("next"))

    assert isinstance(lost, Unavailable)
    assert kept == "kept"
    assert stored(database_url) == {"kept", "next"}
