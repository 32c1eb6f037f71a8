"""Work among other writers to PostgreSQL: what they do to it is made good, or told truly."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, text

from deskhold.chassis.db import Database
from deskhold.errors import AlreadyExists, DeskholdError, Unavailable
from tests.databases import until_somebody_waits
from tests.races.things import count_up, locked, names, put

pytestmark = pytest.mark.slow


async def outcomes(*calls: Any) -> list[Any]:
    return await asyncio.gather(*calls, return_exceptions=True)


async def test_a_read_sees_one_state(database: Database, own: Engine) -> None:
    def look_twice(connection: Connection) -> tuple[set[str], set[str]]:
        first = names(connection)
        with own.begin() as other:
            put("meanwhile")(other)
        return first, names(connection)

    assert await database.read(look_twice) == ({"a", "b"}, {"a", "b"})


async def test_who_waited_for_a_row_sees_what_the_other_did(
    database: Database, own: Engine
) -> None:
    def work(connection: Connection) -> int:
        return locked(connection, "a")

    with own.begin() as other:
        count_up(other, "a")
        waiting = asyncio.create_task(database.write(work))
        await asyncio.to_thread(until_somebody_waits, own)

    assert await waiting == 1


async def test_who_meets_a_row_of_another_process_finds_the_right_words(
    database: Database, own: Engine
) -> None:
    runs = 0

    def work(connection: Connection) -> str:
        nonlocal runs
        runs += 1
        if "c" in names(connection):
            raise AlreadyExists("c is there")
        if runs == 1:
            with own.begin() as other:
                put("c")(other)
        return put("c")(connection)

    told = await outcomes(database.write(work), database.write(put("d")))

    assert isinstance(told[0], AlreadyExists)
    assert told[1] == "d"
    assert runs == 2


async def test_a_serialization_failure_is_made_good(database: Database, own: Engine) -> None:
    runs = 0

    def work(connection: Connection) -> int:
        nonlocal runs
        runs += 1
        if runs < 3:
            code = "DO $$ BEGIN RAISE EXCEPTION 'no' USING ERRCODE = '40001'; END $$"
            connection.execute(text(code))
        return runs

    told = await outcomes(database.write(put("c")), database.write(work))

    assert told == ["c", 3]


async def test_who_always_loses_is_told_so_after_a_few_runs(
    database: Database, own: Engine
) -> None:
    def work(connection: Connection) -> None:
        connection.execute(text("DO $$ BEGIN RAISE EXCEPTION 'no' USING ERRCODE = '40001'; END $$"))

    with pytest.raises(Unavailable, match="nothing was changed"):
        await database.write(work)


async def test_a_lock_that_is_never_released_is_not_waited_for_without_an_end(
    database: Database, own: Engine
) -> None:
    def work(connection: Connection) -> int:
        connection.execute(text("SET LOCAL lock_timeout = '50ms'"))
        return locked(connection, "a")

    with own.begin() as other:
        count_up(other, "a")
        with pytest.raises(Unavailable, match="nothing was changed"):
            await database.write(work)

    assert await database.write(put("c")) == "c"


async def test_a_statement_that_takes_too_long_fails_alone(database: Database, own: Engine) -> None:
    def work(connection: Connection) -> None:
        connection.execute(text("SET LOCAL statement_timeout = '50ms'"))
        connection.execute(text("SELECT pg_sleep(10)"))

    told = await outcomes(database.write(work), database.write(put("c")))

    assert isinstance(told[0], Unavailable)
    assert told[1] == "c"


async def test_a_connection_lost_while_idle_is_opened_again(
    database: Database, own: Engine
) -> None:
    await database.write(put("c"))
    await database.read(names)
    terminate(own)

    assert await database.write(put("d")) == "d"
    assert await database.read(names) == {"a", "b", "c", "d"}


async def test_a_connection_lost_before_the_commit_loses_nothing(
    database: Database, own: Engine
) -> None:
    runs = 0

    def work(connection: Connection) -> str:
        nonlocal runs
        runs += 1
        put("c")(connection)
        if runs == 1:
            terminate(own)
        return put("d")(connection)

    assert await outcomes(database.write(put("e")), database.write(work)) == ["e", "d"]
    assert await database.read(names) == {"a", "b", "c", "d", "e"}


@pytest.mark.parametrize("is_made", [False, True], ids=["lost before", "lost after"])
async def test_of_a_commit_that_was_cut_off_nobody_says_what_became_of_it(
    database: Database, own: Engine, monkeypatch: pytest.MonkeyPatch, is_made: bool
) -> None:
    dialect = database.pools[0].engine.dialect
    commit = dialect.do_commit
    cuts = iter([True])

    def cut_off(connection: Any) -> None:
        if next(cuts, False):
            if is_made:
                commit(connection)
            terminate(own)
            connection.execute("SELECT 1")  # the answer to the commit is what does not come
        commit(connection)

    monkeypatch.setattr(dialect, "do_commit", cut_off)
    with pytest.raises(Unavailable) as told:
        await database.write(put("c"))

    assert "nothing was changed" not in told.value.message
    assert "repeating it with the same request id is safe" in told.value.message
    assert ("c" in await database.read(names)) is is_made
    assert await database.write(put("d")) == "d"


async def test_a_read_whose_end_was_cut_off_is_made_again(database: Database, own: Engine) -> None:
    runs = 0

    def work(connection: Connection) -> set[str]:
        nonlocal runs
        runs += 1
        found = names(connection)
        if runs == 1:
            terminate(own)
        return found

    assert await database.read(work) == {"a", "b"}


async def test_without_a_server_callers_are_told_that_nothing_was_changed() -> None:
    database = Database("postgresql+psycopg://nobody@127.0.0.1:1/nothing")

    with pytest.raises(DeskholdError, match="nothing was changed"):
        await database.write(put("c"))

    await database.close()


def terminate(engine: Engine) -> None:
    """End every other connection to the database, as a failover does."""
    with engine.begin() as connection:
        connection.execute(
            text(
                "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
                " AND application_name LIKE 'deskhold%'"
            )
        )
