"""Glances: a row or two of a SQLite file, read on the event loop itself.

Such a read takes a few microseconds, as no server is asked and a page that was written lately is
in memory; handing it to a lane's thread and being woken with the answer takes thirty times as long.
It never waits for anybody: where SQLite would, and where anything fails, a glance says nothing, and
a lane has to be asked.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from typing import Any

# What SQLite has to wait for is for a lane.
_BUSY_TIMEOUT_MS = 0


class Glances:
    """Reads on the thread that asks.

    Args:
        connect: Opens a connection that reads and is in no transaction.
    """

    def __init__(self, connect: Callable[[], sqlite3.Connection]) -> None:
        self._connect = connect
        self._connection: sqlite3.Connection | None = None

    def rows(self, query: str) -> list[Any] | None:
        """Return the rows that a query without parameters finds now, or None: ask a lane."""
        try:
            if self._connection is None:
                self._connection = self._connect()
                self._connection.execute(f"PRAGMA busy_timeout={_BUSY_TIMEOUT_MS}")
            # All rows, for while one is left the state that was read lives on and is read again.
            return self._connection.execute(query).fetchall()
        except sqlite3.Error:
            # The lane that is asked instead says what the matter is.
            self.close()
            return None

    def close(self) -> None:
        """Close the connection; the next glance opens another."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()
