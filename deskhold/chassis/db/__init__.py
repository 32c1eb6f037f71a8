"""The database of a service: reads, writes and gathered operations, on SQLite and PostgreSQL.

A call that returns has been committed; one that raises has changed nothing, unless its message says
that the outcome is unknown. Work runs on threads of this room, never on the event loop, in a
transaction that ends when its caller leaves or runs out of time. Work of one tenant or caller waits
in a queue of its own, and the queues take turns.

SQLite has one writer, whose waiting requests share commits, and a few readers. PostgreSQL has a
pool of connections and a transaction for each request.
"""

from sqlalchemy import Connection

from deskhold.chassis.db.database import Database
from deskhold.chassis.db.migrate import migrate

__all__ = ["Connection", "Database", "migrate"]
