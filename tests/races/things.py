"""A store of things, for tests of the database."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable

from sqlalchemy import (
    Column,
    Connection,
    ForeignKey,
    Integer,
    MetaData,
    String,
    Table,
    create_engine,
    insert,
    select,
    update,
)

from deskhold.chassis.db import Database

METADATA = MetaData()
THINGS = Table(
    "things",
    METADATA,
    Column("name", String(20), primary_key=True),
    Column("count", Integer, nullable=False, default=0),
    Column("part_of", String(20), ForeignKey("things.name", deferrable=True, initially="DEFERRED")),
)


def put(name: str, part_of: str | None = None) -> Callable[[Connection], str]:
    def work(connection: Connection) -> str:
        connection.execute(insert(THINGS).values(name=name, part_of=part_of))
        return name

    return work


def names(connection: Connection) -> set[str]:
    return set(connection.execute(select(THINGS.c.name)).scalars())


def opened(url: str) -> Database:
    """Open a store with the things `a` and `b`."""
    engine = create_engine(url)
    METADATA.create_all(engine)
    with engine.begin() as connection:
        connection.execute(insert(THINGS), [{"name": "a"}, {"name": "b"}])
    engine.dispose()
    return Database(url)


def locked(connection: Connection, name: str) -> int:
    query = select(THINGS.c.count).where(THINGS.c.name == name).with_for_update()
    return int(connection.execute(query).scalar_one())


def count_up(connection: Connection, name: str) -> None:
    row = update(THINGS).where(THINGS.c.name == name)
    connection.execute(row.values(count=THINGS.c.count + 1))


class Stop:
    """Where work waits until the test lets it go on; the first time only."""

    def __init__(self) -> None:
        self._reached, self._released = threading.Event(), threading.Event()

    def here(self) -> None:
        if not self._reached.is_set():
            self._reached.set()
            self._released.wait(10)

    async def reached(self) -> None:
        await asyncio.to_thread(self._reached.wait, 10)

    def release(self) -> None:
        self._released.set()
