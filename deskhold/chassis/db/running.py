"""Stopping a transaction from another thread: its statements, never its commit.

SQLite is interrupted. PostgreSQL receives a cancel request; a peer that acknowledges packets and
never answers ignores that too, so a connection that is still busy a little later is shut down,
which wakes the thread that waits for it.
"""

from __future__ import annotations

import socket
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, Final

import psycopg
from sqlalchemy import Connection

if TYPE_CHECKING:
    from deskhold.chassis.db.work import Work

_CANCEL_SECONDS: Final = 2.0
_KEY: Final = "deskhold_running"


class Stopped(Exception):
    """The caller of the current work has left, or its time is over."""


class Running:
    """One transaction, as other threads see it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._driver: Any = None
        self._current: Work | None = None

    @property
    def current(self) -> Work | None:
        """The work whose statements are running."""
        return self._current

    @contextmanager
    def on(self, connection: Connection) -> Iterator[None]:
        """Make a connection the one that is stopped."""
        with self._lock:
            self._driver = connection.connection.driver_connection
        connection.info[_KEY] = self
        try:
            yield
        finally:
            with self._lock:
                self._driver = self._current = None
            if not connection.invalidated:
                connection.info.pop(_KEY, None)

    @contextmanager
    def statements_of(self, work: Work) -> Iterator[None]:
        """Allow others to stop the statements of a work, and nothing after them.

        Raises:
            Stopped: The work is to be stopped, or was meanwhile.
        """
        with self._lock:
            self._current = work
        try:
            self.check()
            yield
            self.check()
        finally:
            with self._lock:
                self._current = None

    def check(self) -> None:
        """Raise `Stopped` when the current work is to be stopped."""
        if self._current is not None and self._current.is_stopped:
            raise Stopped

    def interrupt(self, work: Work) -> None:
        """End the statement that a work is running, if it is running one; may take 2 s."""
        # With the lock held the connection cannot go on to the statements of another work.
        with self._lock:
            if self._current is not work:
                return
            if isinstance(self._driver, sqlite3.Connection):
                self._driver.interrupt()
            else:
                # It may be closed by now, and a server that is away cannot be asked.
                with suppress(psycopg.Error, OSError):
                    self._driver.cancel_safe(timeout=_CANCEL_SECONDS)

    def abandon(self, _: Work) -> None:
        """Shut down a PostgreSQL connection that does not answer, be it to a commit."""
        with self._lock:
            if isinstance(self._driver, psycopg.Connection) and not self._driver.closed:
                # The socket itself, since closing the connection would free what its thread uses.
                with (
                    suppress(OSError),
                    socket.fromfd(
                        self._driver.fileno(), socket.AF_INET, socket.SOCK_STREAM
                    ) as shared,
                ):
                    shared.shutdown(socket.SHUT_RDWR)


def running_on(connection: Connection) -> Running | None:
    """Return the transaction that uses a connection."""
    found: Running | None = connection.info.get(_KEY)
    return found
