"""The interface that use cases know: read, write, gather, look up.

Each call takes its lane and its time from the gRPC call that is being served: the lane is the
tenant that the call is about, or the caller when it is about none, and the time is what is left
before the caller's deadline. Work beside calls has a lane and a bound of its own.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple, TypeVar

from sqlalchemy import Connection

from deskhold.chassis import calls, tracing
from deskhold.chassis.db.batcher import Arg, Batcher, Op, Result
from deskhold.chassis.db.engine import is_sqlite, open_engine
from deskhold.chassis.db.work import Work
from deskhold.chassis.db.workers import Workers

CONNECTIONS: Final = 10
# What runs beside calls, and streams, which live long.
_BACKGROUND_SECONDS: Final = 60.0
_BACKGROUND: Final = "background"
# Enough to keep short reads going beside a long one.
_SQLITE_READERS: Final = 4
# Concurrent writes share commits (measured in the design study: 26 times the rate of a commit each,
# on a disk with 2 ms per fsync).
_SQLITE_SHARED: Final = 64

Value = TypeVar("Value")


class Terms(NamedTuple):
    """Under which terms work is done: in whose queue, and for how long."""

    lane: str
    seconds: float


class Database:
    """One database.

    Args:
        url: SQLAlchemy URL: `sqlite:////path` or `postgresql+psycopg://user@host/name`.
        connections: How many connections a PostgreSQL database is given.
    """

    def __init__(self, url: str, *, connections: int = CONNECTIONS) -> None:
        if is_sqlite(url):
            writing, reading = (
                open_engine(url),
                open_engine(url, writes=False, connections=_SQLITE_READERS),
            )
            self._writers = Workers(writing, "writer", threads=1, shared=_SQLITE_SHARED)
            self._readers = Workers(reading, "reader", threads=_SQLITE_READERS)
        else:
            engine = open_engine(url, connections=connections)
            self._writers = self._readers = Workers(engine, "database", threads=connections)
        self._gathered = Batcher(self._writers, writes=True)
        self._looked_up = Batcher(self._readers, writes=False)

    @property
    def pools(self) -> tuple[Workers, ...]:
        """The threads, for metrics: the writer and the readers, or one pool for both."""
        return tuple(dict.fromkeys((self._writers, self._readers)))

    @property
    def waiting(self) -> int:
        """How many arguments of set-based operations wait or are in flight."""
        return self._gathered.waiting + self._looked_up.waiting

    async def read(
        self, work: Callable[[Connection], Value], *, seconds: float | None = None
    ) -> Value:
        """Run a read in a transaction of its own, so that it sees one state of the database.

        Args:
            work: Reads on an open connection; may run more than once.
            seconds: How long it may take; None: as long as the call that is served.

        Raises:
            ResourceExhausted: Too much waits already.
            Unavailable: The database failed, or was not done in time.
        """
        lane, seconds = _terms(seconds)
        with tracing.span("transaction"):
            result: Value = await self._readers.run(Work(work, lane, seconds, writes=False))
        return result

    async def write(
        self,
        work: Callable[[Connection], Value],
        *,
        dry: bool = False,
        seconds: float | None = None,
    ) -> Value:
        """Run a function of an open connection and return its result after the commit.

        A caller who leaves undoes it unless it is being committed.

        Args:
            work: Reads and writes on the connection; may run more than once. What it raises undoes
                what it wrote and is raised here.
            dry: Undo everything in any case; the result tells what would be.
            seconds: How long it may take; None: as long as the call that is served.

        Raises:
            ResourceExhausted: Too much waits already.
            Unavailable: The database failed, or was not done in time. The message says whether
                anything may be written.
        """
        lane, seconds = _terms(seconds)
        with tracing.span("transaction"):
            result: Value = await self._writers.run(Work(work, lane, seconds, writes=True, dry=dry))
        return result

    async def gather(self, key: str, op: Op[Arg, Result], argument: Arg) -> Result:
        """Run one argument of a set-based write together with the others of its key.

        Args:
            key: What they share, such as a collection; other keys run beside it.
            op: The operation; may run more than once.
            argument: What this caller wants.

        Raises:
            ResourceExhausted: As `write`.
            Unavailable: As `write`.
        """
        lane, seconds = _terms(None)
        with tracing.span("transaction"):
            return await self._gathered.gather(key, op, argument, lane=lane, seconds=seconds)

    async def lookup(self, key: str, op: Op[Arg, Result], argument: Arg) -> Result:
        """Run one argument of a set-based read together with the others of its key (`gather`)."""
        lane, seconds = _terms(None)
        with tracing.span("transaction"):
            return await self._looked_up.gather(key, op, argument, lane=lane, seconds=seconds)

    async def close(self) -> None:
        """Finish what waits, refuse what arrives, and close every connection."""
        for workers in self.pools:
            workers.refuse()
        for workers in self.pools:
            await workers.close()


def _terms(seconds: float | None) -> Terms:
    call = calls.current_or_none()
    if call is None:
        return Terms(_BACKGROUND, seconds or _BACKGROUND_SECONDS)
    if seconds is None:
        seconds = min(call.remaining_seconds, _BACKGROUND_SECONDS)
    return Terms(call.lane, seconds)
