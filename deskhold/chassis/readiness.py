"""Say whether this process can serve now, by named checks that run again every second.

Readiness is for balancers: health and `/readyz` turn while something that calls need is away, and
turn back by themselves. It ends nothing. That a process is merely busy is no reason to turn:
balancers would send its load to the others, which would turn next.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final

import structlog
from prometheus_client import CollectorRegistry, Gauge

from deskhold.chassis.db import Connection, Database
from deskhold.errors import ResourceExhausted

_PAUSE_SECONDS: Final = 1.0
# More than a lock is waited for (10 s), so that one long transaction turns nothing.
_LONGEST_SECONDS: Final = 15.0
_NOT_CHECKED: Final = "not checked yet"


class NotReadyError(Exception):
    """A check failed; the message says why."""


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that calls need.

    Attributes:
        name: Its name in the log, the metric and `/readyz`, in lower case with underscores.
        run: Returns when it is well; raises whatever says why it is not.
    """

    name: str
    run: Callable[[], Awaitable[None]]


class Readiness:
    """Runs the checks and reports changes.

    Args:
        checks: What must be well; none: always ready.
        logger: Where changes are logged.
        registry: Where the metric of each check is kept.
        report: Called with whether all is well, whenever that changes.
    """

    def __init__(
        self,
        checks: Sequence[Check],
        *,
        logger: structlog.typing.FilteringBoundLogger,
        registry: CollectorRegistry,
        report: Callable[[bool], Awaitable[None]],
    ) -> None:
        self._checks = checks
        self._logger = logger
        self._report = report
        self._problems = {check.name: _NOT_CHECKED for check in checks}
        self._ready = Gauge(
            "deskhold_ready",
            "1 while a check of readiness passes, 0 while it fails, by check.",
            ("check",),
            registry=registry,
        )

    @property
    def problems(self) -> dict[str, str]:
        """Why each check that fails does; empty when ready. Safe to read from any thread."""
        return self._problems

    async def run(self) -> None:
        """Check every second, until cancelled."""
        while True:
            await self.check()
            await asyncio.sleep(_PAUSE_SECONDS)

    async def check(self) -> None:
        """Run every check once and report what has changed."""
        reasons = await asyncio.gather(*(_problem(check) for check in self._checks))
        before = self._problems
        self._problems = {
            check.name: reason
            for check, reason in zip(self._checks, reasons, strict=True)
            if reason
        }
        for check in self._checks:
            self._ready.labels(check.name).set(check.name not in self._problems)
        if self._problems.keys() != before.keys():
            log = self._logger.warning if self._problems else self._logger.info
            log("not ready" if self._problems else "ready", problems=self._problems)
            await self._report(not self._problems)


def database_check(database: Database) -> Check:
    """Return the check that a database answers and takes writes."""

    async def run() -> None:
        try:
            await database.write(require_writable, dry=True)
        except ResourceExhausted:
            return  # busy, which is no reason to turn

    return Check("database", run)


def require_writable(connection: Connection) -> None:
    """Check that an open transaction may write.

    Raises:
        NotReadyError: It may not.
    """
    if connection.dialect.name == "postgresql":
        if connection.exec_driver_sql("SHOW transaction_read_only").scalar_one() == "on":
            raise NotReadyError("the database takes no writes; it is a standby or set to read-only")
    else:
        # It changes nothing, and SQLite says all the same that a file may not be written.
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '' WHERE 1 = 0")


async def _problem(check: Check) -> str:
    """Return why a check fails; empty when it does not."""
    try:
        async with asyncio.timeout(_LONGEST_SECONDS):
            await check.run()
    except TimeoutError:
        return f"no answer within {_LONGEST_SECONDS:g} s"
    except Exception as error:  # whatever it is, calls would meet it too
        return next(iter(str(error).splitlines()), type(error).__name__)
    return ""
