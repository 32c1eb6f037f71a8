"""Bringing the schema of a database to its newest version."""

from __future__ import annotations

import random
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from alembic import command
from alembic.config import Config
from alembic.util import CommandError
from sqlalchemy import Connection, Engine, event
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError

from deskhold.chassis.db.engine import open_engine
from deskhold.chassis.db.work import LOCK_SECONDS
from deskhold.chassis.settings import SettingsError

_LOCK_MS: Final = int(LOCK_SECONDS * 1000)
_MIGRATION_RUNS: Final = 10


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
    engine = open_engine(url)
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
    connection.exec_driver_sql(f"SET LOCAL lock_timeout = {_LOCK_MS}")
