"""A store of things, for tests of the lane."""

from __future__ import annotations

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
)

from deskhold.chassis.database import Database

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
