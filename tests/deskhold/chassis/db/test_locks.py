"""PostgreSQL: work that waits for a lock waits, and fails, alone."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence

import pytest
from sqlalchemy import Connection, Engine, create_engine, select, text

from deskhold.chassis.db import Database
from deskhold.errors import Unavailable
from tests.databases import PostgresqlServer, until_somebody_waits
from tests.deskhold.chassis.db.gates import outcomes, queued
from tests.deskhold.chassis.things import MIGRATIONS, THINGS, put, stored


@pytest.fixture
def url(postgresql: PostgresqlServer) -> Iterator[str]:
    made = postgresql.new(MIGRATIONS)
    yield made
    postgresql.drop(made)


@pytest.fixture
async def database(url: str) -> AsyncIterator[Database]:
    opened = Database(url)
    for name in ("contoso", "fabrikam"):
        await opened.write(put(name))
    yield opened
    await opened.close()


@pytest.fixture
def other(url: str) -> Iterator[Engine]:
    """Another process's connections."""
    engine = create_engine(url)
    yield engine
    engine.dispose()


def lock(connection: Connection, name: str) -> str:
    query = select(THINGS.c.name).where(THINGS.c.name == name).with_for_update()
    return str(connection.execute(query).scalar_one())


async def test_work_behind_a_locked_row_delays_nothing_else(
    database: Database, other: Engine
) -> None:
    with other.begin() as holder:
        lock(holder, "contoso")
        (waiting,) = await queued(database.write(lambda tx: lock(tx, "contoso")))
        await asyncio.to_thread(until_somebody_waits, other)

        assert await database.write(lambda tx: lock(tx, "fabrikam")) == "fabrikam"
        assert not waiting.done()

    assert await waiting == "contoso"


async def test_work_that_waits_for_a_lock_in_vain_fails_alone_and_is_told_so(
    database: Database, other: Engine
) -> None:
    def impatient(connection: Connection) -> str:
        connection.execute(text("SET LOCAL lock_timeout = '50ms'"))
        return lock(connection, "contoso")

    with other.begin() as holder:
        lock(holder, "contoso")
        failed, done = await outcomes(
            await queued(database.write(impatient), database.write(put("pc-1")))
        )

    assert isinstance(failed, Unavailable)
    assert failed.message == (
        "another transaction holds a row that this one needs; nothing was changed; retry in 1 s"
    )
    assert done == "pc-1"


async def test_of_a_batch_only_what_needs_a_locked_row_waits_for_it(
    database: Database, other: Engine
) -> None:
    def lock_all(connection: Connection, names: Sequence[str]) -> Sequence[str]:
        return [lock(connection, name) for name in names]

    with other.begin() as holder:
        lock(holder, "contoso")
        waiting, free = await queued(
            *(database.gather("eng", lock_all, name) for name in ("contoso", "fabrikam"))
        )

        assert await free == "fabrikam"
        assert await database.gather("eng", lock_all, "fabrikam") == "fabrikam"
        assert not waiting.done()

    assert await waiting == "contoso"


async def test_a_lock_is_waited_for_no_longer_than_the_caller_waits(
    database: Database, other: Engine, url: str
) -> None:
    def change(connection: Connection) -> None:
        put("late")(connection)
        lock(connection, "contoso")

    with other.begin() as holder:
        lock(holder, "contoso")
        with pytest.raises(Unavailable, match="nothing was changed"):
            await database.write(change, seconds=0.2)

    assert "late" not in stored(url)
