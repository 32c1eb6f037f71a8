"""How a database is opened, and how its transactions begin.

SQLite: WAL, synchronous=FULL, foreign keys on, transactions begun by us (the driver would begin
them too late). Other processes may use the same file; the busy timeout makes them take turns.

PostgreSQL: writers run READ COMMITTED and lock the rows they judge by, so that whoever waited sees
what the other did; readers see one state of the database and can change nothing. The time that is
left becomes the transaction's timeouts in the same message that begins it.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import ExceptionContext, make_url
from sqlalchemy.pool import QueuePool

from deskhold.chassis.db.failures import is_demoted
from deskhold.chassis.db.running import running_on
from deskhold.chassis.db.work import LOCK_SECONDS

_BUSY_TIMEOUT_MS: Final = int(LOCK_SECONDS * 1000)
# A process that stands still in a transaction loses its locks; a statement that hangs ends.
_POSTGRESQL_SETTINGS: Final = {
    "lock_timeout": _BUSY_TIMEOUT_MS,
    "statement_timeout": 60_000,
    "idle_in_transaction_session_timeout": 60_000,
}
# A peer that is gone without a word is noticed within half a minute (libpq's own names).
_POSTGRESQL_CONNECTION: Final = {
    "connect_timeout": 5,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 25_000,
    "application_name": "deskhold",
}


def is_sqlite(url: str) -> bool:
    """Whether a URL names a SQLite file."""
    return make_url(url).get_backend_name() == "sqlite"


def open_engine(url: str, *, writes: bool = True, connections: int = 1) -> Engine:
    """Return an engine that keeps so many connections.

    Args:
        url: SQLAlchemy URL of the database.
        writes: On SQLite, whether it may write; on PostgreSQL each transaction has its own say.
        connections: As many as there are threads that use it.
    """
    if is_sqlite(url):
        return _sqlite(url, writes=writes, connections=connections)
    return _postgresql(url, connections)


def _postgresql(url: str, connections: int) -> Engine:
    # What it warns of besides, a pipeline that met an error, is raised as well.
    logging.getLogger("psycopg").setLevel(logging.ERROR)
    engine = create_engine(
        url,
        poolclass=QueuePool,
        pool_size=connections,
        max_overflow=0,
        pool_use_lifo=True,  # those that are used last have their statements prepared
        connect_args={**_POSTGRESQL_CONNECTION, **make_url(url).query},
    )

    @event.listens_for(engine, "connect")
    def prepare(connection: Any, _: object) -> None:
        # The driver's own BEGIN would be a message of its own.
        connection.autocommit = True
        # Not as startup options, which connection poolers refuse.
        for name, milliseconds in _POSTGRESQL_SETTINGS.items():
            connection.execute(f"SET {name} = {milliseconds}")

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        connection.exec_driver_sql(_begin(connection))

    @event.listens_for(engine, "handle_error")
    def leave_standby(context: ExceptionContext) -> None:
        # Every connection of the pool leads to the same server: all are opened anew.
        if is_demoted(context.original_exception):
            context.is_disconnect = True

    _check_each_statement(engine)
    return engine


def _begin(connection: Connection) -> str:
    running = running_on(connection)
    work = None if running is None else running.current
    if work is None:
        return "BEGIN ISOLATION LEVEL READ COMMITTED"
    left_ms = int(work.left_seconds * 1000)
    lock_ms = min(left_ms, int(work.lock_seconds * 1000))
    mode = "READ COMMITTED" if work.writes else "REPEATABLE READ READ ONLY"
    return (
        f"BEGIN ISOLATION LEVEL {mode}; SET LOCAL statement_timeout = {left_ms};"
        f" SET LOCAL lock_timeout = {lock_ms}"
    )


def _sqlite(url: str, *, writes: bool, connections: int) -> Engine:
    engine = create_engine(
        url,
        poolclass=QueuePool,
        pool_size=connections,
        max_overflow=0,
        connect_args={"check_same_thread": False},
    )

    @event.listens_for(engine, "connect")
    def prepare(connection: Any, _: object) -> None:
        connection.isolation_level = None
        for pragma in _pragmas(writes):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        # IMMEDIATE takes the write lock at once: upgrading it later could fail half-way through.
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    _check_each_statement(engine)
    return engine


def _check_each_statement(engine: Engine) -> None:
    """Begin no statement for work that is to be stopped."""

    @event.listens_for(engine, "before_cursor_execute")
    def check(connection: Connection, *_: object) -> None:
        running = running_on(connection)
        if running is not None:
            running.check()


def _pragmas(writes: bool) -> Sequence[str]:
    common = (f"busy_timeout={_BUSY_TIMEOUT_MS}", "foreign_keys=ON")
    if writes:
        return (*common, "journal_mode=WAL", "synchronous=FULL")
    return (*common, "query_only=ON")
