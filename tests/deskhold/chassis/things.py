"""The smallest service's own part: a table of things, and what is done with them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import (
    Column,
    Connection,
    ForeignKey,
    MetaData,
    String,
    Table,
    create_engine,
    insert,
    select,
)
from sqlalchemy.pool import NullPool

from deskhold.chassis.db.idempotency import replies_table
from deskhold.errors import AlreadyExists, DeskholdError

MIGRATIONS = Path(__file__).parent / "migrations"
METADATA = MetaData()
THINGS = Table(
    "things",
    METADATA,
    Column("name", String, primary_key=True),
    Column("part_of", String, ForeignKey("things.name", deferrable=True, initially="DEFERRED")),
)
REPLIES = replies_table(METADATA)


def put(name: str, part_of: str | None = None) -> Callable[[Connection], str]:
    """Return the work that adds a thing and answers its name."""

    def work(connection: Connection) -> str:
        connection.execute(insert(THINGS).values(name=name, part_of=part_of))
        return name

    return work


def put_all(connection: Connection, names: Sequence[str]) -> Sequence[str | DeskholdError]:
    """Add things with one statement (an operation for `Database.gather`); "taken" is refused."""
    free = [name for name in names if name != "taken"]
    connection.execute(insert(THINGS), [{"name": name} for name in free])
    return [name if name in free else AlreadyExists("taken") for name in names]


def names(connection: Connection) -> set[str]:
    return set(connection.execute(select(THINGS.c.name)).scalars())


def stored(url: str) -> set[str]:
    """Return what any other process sees: the committed things."""
    with other_process(url) as connection:
        return names(connection)


@contextmanager
def other_process(url: str) -> Iterator[Connection]:
    """Connect as any other process does, and commit in the end."""
    engine = create_engine(url, poolclass=NullPool)
    with engine.begin() as connection:
        yield connection
    engine.dispose()
