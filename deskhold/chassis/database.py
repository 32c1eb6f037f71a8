"""A service's database: one writing lane, two reading lanes; on the event loop only glances.

SQLite is the embedded default: WAL, synchronous=FULL, foreign keys on, transactions begun by us
(the driver would begin them too late). Other processes may use the same file; the busy timeout
makes them take turns.

PostgreSQL is for several processes and machines. Writers run READ COMMITTED and lock the rows they
judge by, so that whoever waited sees what the other did; readers see one state of the database and
can change nothing. No statement and no lock is waited for without an end.
"""

from __future__ import annotations

import logging
import random
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from alembic import command
from alembic.config import Config
from alembic.util import CommandError
from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool

from deskhold.chassis.batches import Op
from deskhold.chassis.glances import Glances
from deskhold.chassis.settings import SettingsError
from deskhold.chassis.statements import Prepared
from deskhold.chassis.writer import Lane

__all__ = ["Connection", "Database", "migrate"]

_BUSY_TIMEOUT_MS = 10_000
# A process that stands still in a transaction loses its locks; a statement that hangs ends.
_POSTGRESQL_SETTINGS = {
    "lock_timeout": _BUSY_TIMEOUT_MS,
    "statement_timeout": 60_000,
    "idle_in_transaction_session_timeout": 60_000,
}
# A peer that is gone without a word is noticed within half a minute (libpq's own names).
_POSTGRESQL_CONNECTION = {
    "connect_timeout": 5,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 25_000,
}
_MIGRATION_RUNS = 10

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
        self._lookups = Lane(self._engines[1], "lookups", writes=False)
        self._reads = Lane(self._engines[1], "reads", writes=False)
        is_sqlite = self._engines[1].dialect.name == "sqlite"
        self._glances = Glances(self._open_to_glance) if is_sqlite else None

    @property
    def pools(self) -> tuple[Lane, ...]:
        """The lanes, for metrics."""
        return (self.writer, self._lookups, self._reads)

    def glance(self, query: Prepared) -> list[Any] | None:
        """Return what a small query without parameters finds now, without waiting for anything.

        Returns:
            The rows, as tuples; None: only a lane can tell, as it always is on PostgreSQL.
        """
        if self._glances is None:
            return None
        return self._glances.rows(query.text(self._engines[1].dialect))

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
        if self._glances is not None:
            self._glances.close()
        for engine in self._engines:
            engine.dispose()

    def _open_to_glance(self) -> sqlite3.Connection:
        connection = self._engines[1].raw_connection()
        connection.detach()  # the pool would close it
        # SQLAlchemy knows it as any driver's; this is SQLite's.
        return connection.dbapi_connection  # type: ignore[return-value]


def migrate(url: str, migrations: Path) -> None:
    """Bring the schema to its newest version; a database that is there already changes nothing.

    Several processes may do so at the same moment: one migrates, the others wait for it.

    Args:
        url: SQLAlchemy URL of the database.
        migrations: The service's Alembic folder.

    Raises:
        SettingsError: The database cannot be opened, is damaged, or takes no writes; or its schema
            is newer than this service.
    """
    parsed = make_url(url)
    config = Config()
    config.set_main_option("script_location", str(migrations))
    engine = _engine(url, writes=True)
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _let_tables_be_made_anew)
    try:
        path = parsed.database if parsed.get_backend_name() == "sqlite" else None
        if path and not path.startswith("file:"):
            Path(path).parent.mkdir(parents=True, exist_ok=True)
        if engine.dialect.name == "postgresql":
            _make_version_table(engine)
        with engine.begin() as connection:
            if engine.dialect.name == "postgresql":
                _wait_for_other_migrations(connection)
            config.attributes["connection"] = connection
            with _references_checked(connection):
                command.upgrade(config, "head")
            # SQLite notices only now that a file may not be written.
            connection.exec_driver_sql("UPDATE alembic_version SET version_num = '' WHERE 1 = 0")
    except (DBAPIError, sqlite3.Error, CommandError, OSError) as error:
        shown = parsed.render_as_string()  # without the password
        raise SettingsError(f"the database {shown!r} cannot be used: {_reason(error)}") from error
    finally:
        engine.dispose()


def _reason(error: Exception) -> str:
    if isinstance(error, CommandError):
        return "its schema is of another version than this service; start the newer one"
    said = error.orig if isinstance(error, DBAPIError) else error
    return " ".join(str(said).split())


def _let_tables_be_made_anew(connection: Any, _: object) -> None:
    """SQLite changes a table by making another; what refers to the old one is to stay.

    See https://sqlite.org/lang_altertable.html#otheralter.
    """
    connection.execute("PRAGMA foreign_keys=OFF")


@contextmanager
def _references_checked(connection: Connection) -> Iterator[None]:
    """Make good that SQLite does not check them meanwhile."""
    if connection.dialect.name != "sqlite":
        yield
        return
    before = connection.exec_driver_sql("PRAGMA schema_version").scalar_one()
    yield
    # Every row is looked at: not with each start.
    if connection.exec_driver_sql("PRAGMA schema_version").scalar_one() == before:
        return
    broken = connection.exec_driver_sql("PRAGMA foreign_key_check").all()
    if broken:
        named = ", ".join(sorted({f"{table} to {parent}" for table, _, parent, _ in broken}))
        raise SettingsError(
            f"the database cannot be migrated: {len(broken)} of its rows refer to rows that are"
            f" not there ({named}); nothing was changed"
        )


def _make_version_table(engine: Engine) -> None:
    """Make Alembic's own table first: a new database has nothing else that could be locked."""
    for run in range(1, _MIGRATION_RUNS + 1):
        try:
            with engine.begin() as connection:
                connection.exec_driver_sql(
                    "CREATE TABLE IF NOT EXISTS alembic_version (version_num VARCHAR(32) NOT NULL,"
                    " CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num))"
                )
        except DBAPIError:
            # IF NOT EXISTS looks before it leaps; who leaps at the same moment fails nevertheless.
            if run == _MIGRATION_RUNS:
                raise
            # For different times, so that they do not leap together again.
            time.sleep(random.uniform(0.01, 0.1))  # noqa: S311
        else:
            return


def _wait_for_other_migrations(connection: Connection) -> None:
    connection.exec_driver_sql("SET LOCAL statement_timeout = 0")
    connection.exec_driver_sql("SET LOCAL lock_timeout = 0")
    connection.exec_driver_sql("LOCK TABLE alembic_version IN ACCESS EXCLUSIVE MODE")
    # The tables themselves are in use: better fail than keep everybody waiting.
    connection.exec_driver_sql(f"SET LOCAL lock_timeout = {_BUSY_TIMEOUT_MS}")


def _engine(url: str, *, writes: bool) -> Engine:
    if make_url(url).get_backend_name() == "postgresql":
        return _postgresql(url, writes=writes)
    return _sqlite(url, writes=writes)


def _postgresql(url: str, *, writes: bool) -> Engine:
    # What it warns of besides, a pipeline that met an error, is raised as well.
    logging.getLogger("psycopg").setLevel(logging.ERROR)
    engine = create_engine(
        url,
        # The lanes hold their connections for good; a pool would only hide that.
        poolclass=NullPool,
        isolation_level="READ COMMITTED" if writes else "REPEATABLE READ",
        connect_args={
            **_POSTGRESQL_CONNECTION,
            "application_name": "deskhold writer" if writes else "deskhold reader",
            **make_url(url).query,
        },
    ).execution_options(postgresql_readonly=not writes)

    @event.listens_for(engine, "connect")
    def prepare(connection: Any, _: object) -> None:
        # Not as startup options, which connection poolers refuse.
        with connection.cursor() as cursor:
            for name, milliseconds in _POSTGRESQL_SETTINGS.items():
                cursor.execute(f"SET {name} = {milliseconds}")
        connection.commit()

    return engine


def _sqlite(url: str, *, writes: bool) -> Engine:
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
