"""A service's database: one writing lane, a few reading lanes, nothing on the event loop.

It is SQLite: WAL, synchronous=FULL, foreign keys on, transactions begun by us (the driver would
begin them too late). Other processes may use the same file; the busy timeout makes them take turns.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import make_url
from sqlalchemy.exc import OperationalError
from sqlalchemy.pool import NullPool

from deskhold.chassis.settings import SettingsError
from deskhold.chassis.writer import Lane, Op

__all__ = ["Connection", "Database", "migrate"]

_BUSY_TIMEOUT_MS = 10_000

Arg = TypeVar("Arg")
Result = TypeVar("Result")


class Database:
    """The lanes of one database.

    Point lookups share one reading lane and are gathered there; longer reads take another, so that
    an export does not stand in the way of sign-ins.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._engines = [_engine(url, writes=True), _engine(url, writes=False)]
        self.writer = Lane(self._engines[0], "writer")
        self._lookups = Lane(self._engines[1], "lookups")
        self._reads = Lane(self._engines[1], "reads")

    async def lookup(self, op: Op[Arg, Result], argument: Arg) -> Result:
        """Run a set-based read together with the others that wait (`Lane.gather`)."""
        return await self._lookups.gather(op, argument)

    async def read(self, work: Callable[[Connection], Result]) -> Result:
        """Run a read in a transaction of its own, so that it sees one state of the database."""
        return await self._reads.call(work)

    async def close(self) -> None:
        """Let what waits finish, then close every connection."""
        for lane in (self.writer, self._lookups, self._reads):
            await lane.close()
        for engine in self._engines:
            engine.dispose()


def migrate(url: str, migrations: Path) -> None:
    """Bring the schema to its newest version; a database that is there already changes nothing.

    Args:
        url: SQLAlchemy URL of the database.
        migrations: The service's Alembic folder.

    Raises:
        SettingsError: The database cannot be opened.
    """
    path = make_url(url).database
    if make_url(url).get_backend_name() == "sqlite" and path:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
    config = Config()
    config.set_main_option("script_location", str(migrations))
    engine = _engine(url, writes=True)
    try:
        with engine.begin() as connection:
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
    except OperationalError as error:
        raise SettingsError(f"the database {url!r} cannot be used: {error.orig}") from error
    finally:
        engine.dispose()


def _engine(url: str, *, writes: bool) -> Engine:
    # The lanes hold their connections for good; a pool would only hide that.
    engine = create_engine(url, poolclass=NullPool, connect_args={"check_same_thread": False})

    @event.listens_for(engine, "connect")
    def prepare(connection: Any, _: object) -> None:
        connection.isolation_level = None
        cursor = connection.cursor()
        for pragma in _pragmas(writes):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        # IMMEDIATE takes the write lock at once: upgrading it later could fail half-way through.
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine


def _pragmas(writes: bool) -> Sequence[str]:
    common = (f"busy_timeout={_BUSY_TIMEOUT_MS}", "foreign_keys=ON")
    if writes:
        return (*common, "journal_mode=WAL", "synchronous=FULL")
    return (*common, "query_only=ON")
