"""Keep this process's clock with that of its database.

Processes on one PostgreSQL agree on the time then, whatever their machines say. SQLite is a file of
this machine, whose clock counts.
"""

from __future__ import annotations

import asyncio
import time
from typing import Final

import structlog

from deskhold.chassis.clock import Reading, machine_time, set_now
from deskhold.chassis.db import Connection, Database

_PAUSE_SECONDS: Final = 10.0
# Clocks that are kept by NTP differ by less.
_TOLD_US: Final = 1_000_000


class StoreClock:
    """Reads the database's clock.

    Args:
        database: Whose time counts.
        logger: Where steps of more than a second are logged.
    """

    def __init__(self, database: Database, logger: structlog.typing.FilteringBoundLogger) -> None:
        self._database = database
        self._logger = logger

    async def run(self) -> None:
        """Read it every ten seconds, until cancelled; raises what `read` raises."""
        while True:
            await self.read()
            await asyncio.sleep(_PAUSE_SECONDS)

    async def read(self) -> None:
        """Read it once and set this process's clock.

        Raises:
            Unavailable: The database does not answer.
            ResourceExhausted: Too much waits for it already.
        """
        ahead_us = set_now(await self._database.read(_time_of))
        if abs(ahead_us) > _TOLD_US:
            self._logger.warning(
                "the clock was set to that of the database; check NTP on both machines",
                by_seconds=round(ahead_us / 1e6, 3),
            )


def _time_of(connection: Connection) -> Reading:
    if connection.dialect.name == "sqlite":
        return machine_time()
    before_ns = time.monotonic_ns()
    time_us = connection.exec_driver_sql(
        "SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint"
    ).scalar_one()
    return Reading(time_us, (before_ns + time.monotonic_ns()) // 2)
