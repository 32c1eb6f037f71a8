"""Writes on every kind of database: one that fails, fails alone."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from sqlalchemy import Connection, insert
from sqlalchemy.exc import IntegrityError

from deskhold.chassis.db import Database
from deskhold.errors import NotFound, Unavailable
from tests.races.things import THINGS, names, opened, put

pytestmark = pytest.mark.slow


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    made = opened(database_url)
    yield made
    await made.close()


async def outcomes(*calls: Any) -> list[Any]:
    return await asyncio.gather(*calls, return_exceptions=True)


async def test_one_that_fails_in_the_database_fails_alone(database: Database) -> None:
    told = await outcomes(*(database.write(put(name)) for name in ("c", "a", "d", "b")))

    assert told[0] == "c"
    assert told[2] == "d"
    assert "IntegrityError" in type(told[1]).__name__
    assert await database.read(names) == {"a", "b", "c", "d"}


async def test_one_that_is_refused_after_it_wrote_leaves_nothing(database: Database) -> None:
    def refuse(connection: Connection) -> None:
        put("half")(connection)
        raise NotFound("nothing there")

    told = await outcomes(database.write(put("c")), database.write(refuse))

    assert isinstance(told[1], NotFound)
    assert await database.read(names) == {"a", "b", "c"}


async def test_of_a_set_that_fails_as_a_whole_only_the_bad_ones_fail(database: Database) -> None:
    def put_all(connection: Connection, wanted: Any) -> Any:
        connection.execute(insert(THINGS), [{"name": name} for name in wanted])
        return wanted

    told = await outcomes(*(database.gather("things", put_all, name) for name in ("c", "a", "d")))

    assert (told[0], told[2]) == ("c", "d")
    assert isinstance(told[1], Exception)
    assert await database.read(names) == {"a", "b", "c", "d"}


async def test_a_dry_run_writes_nothing(database: Database) -> None:
    assert await database.write(put("c"), dry=True) == "c"
    assert await database.read(names) == {"a", "b"}


async def test_a_reader_cannot_write(database: Database) -> None:
    with pytest.raises(Unavailable):
        await database.read(put("c"))

    assert await database.read(names) == {"a", "b"}


async def test_a_commit_that_fails_fails_alone(database: Database) -> None:
    told = await outcomes(database.write(put("c")), database.write(put("part", part_of="nothing")))

    assert told[0] == "c"
    assert isinstance(told[1], IntegrityError)
    assert await database.read(names) == {"a", "b", "c"}
