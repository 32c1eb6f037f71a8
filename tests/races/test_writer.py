"""A lane on every kind of database: who fails, fails alone."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from sqlalchemy import Connection, insert

from deskhold.chassis.database import Database
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
    writer = database.writer
    told = await outcomes(
        writer.call(put("c")), writer.call(put("a")), writer.call(put("d")), writer.call(put("b"))
    )

    assert told[0] == "c"
    assert told[2] == "d"
    assert "IntegrityError" in type(told[1]).__name__
    assert await database.read(names) == {"a", "b", "c", "d"}


async def test_one_that_is_refused_after_it_wrote_leaves_nothing(database: Database) -> None:
    def refuse(connection: Connection) -> None:
        put("half")(connection)
        raise NotFound("nothing there")

    told = await outcomes(database.writer.call(put("c")), database.writer.call(refuse))

    assert isinstance(told[1], NotFound)
    assert await database.read(names) == {"a", "b", "c"}


async def test_of_a_set_that_fails_as_a_whole_only_the_bad_ones_fail(database: Database) -> None:
    def put_all(connection: Connection, wanted: Any) -> Any:
        connection.execute(insert(THINGS), [{"name": name} for name in wanted])
        return wanted

    told = await outcomes(*(database.writer.gather(put_all, name) for name in ("c", "a", "d")))

    assert (told[0], told[2]) == ("c", "d")
    assert isinstance(told[1], Exception)
    assert await database.read(names) == {"a", "b", "c", "d"}


async def test_a_dry_run_writes_nothing(database: Database) -> None:
    assert await database.writer.call(put("c"), dry=True) == "c"
    assert await database.read(names) == {"a", "b"}


async def test_a_reader_cannot_write(database: Database) -> None:
    with pytest.raises(Exception, match=r".*"):
        await database.read(put("c"))

    assert await database.read(names) == {"a", "b"}


async def test_a_failed_commit_fails_everybody_and_says_that_nothing_was_changed(
    database: Database,
) -> None:
    told = await outcomes(
        database.writer.call(put("c")), database.writer.call(put("part", part_of="nothing"))
    )

    assert [type(one) for one in told] == [Unavailable, Unavailable]
    assert "nothing was changed" in told[0].message
    assert await database.read(names) == {"a", "b"}
