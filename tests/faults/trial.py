"""One fault: load before, during and after it, the verdict, and a row of the table."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from signal import SIGKILL, Signals
from typing import Any

from deskhold.embedded.paths import SERVICES
from tests.faults import table
from tests.faults.load import Load, Places
from tests.faults.verdict import judge
from tests.journeys.pair import Pair

# One defect shows many times under load.
_SHOWN = 10
_numbers = itertools.count(1)


class Trial:
    """What each test does with a pair, whatever its fault is.

    Args:
        pair: The services, running; trials may share them.
        database: The kind of their databases, as the table names it.
        keep: Called with a name and a value that travel with the report of the test.
    """

    def __init__(self, pair: Pair, database: str, keep: Callable[[str, object], None]) -> None:
        self.pair = pair
        self._database = database
        self._keep = keep
        self._processes: dict[str, str] = {}

    @asynccontextmanager
    async def of(self, fault: str) -> AsyncIterator[Load]:
        """Let callers work while the block makes a fault and ends it; then judge.

        Raises:
            AssertionError: Something was lost, held twice, done without the right, answered
                INTERNAL or wrongly; a process ended; or the services do not answer again.
        """
        self._processes = {service: self.pair.home.process_id(service) for service in SERVICES}
        places = Places(f"trial-{next(_numbers)}")
        load = Load(self.pair, places, self._check)
        seconds = None
        try:
            async with load.running():
                yield load
                seconds = await load.answers()
        finally:
            if seconds is None:
                self._write(fault, load, seconds=None)
        async with self.pair.client() as owner:
            verdict = await judge(load.record, places, owner)
        self._write(
            fault,
            load,
            seconds=seconds,
            lost=len(verdict.lost),
            held_twice=len(verdict.held_twice),
            unauthorized=len(verdict.unauthorized),
        )
        for wrong in (
            verdict.lost,
            verdict.held_twice,
            verdict.unauthorized,
            load.record.internal,
            load.record.wrong,
        ):
            assert not wrong, "\n".join(wrong[:_SHOWN])
        self._check()

    async def kill(self, service: str) -> None:
        """Kill a service with SIGKILL; returns when it has ended."""
        await self.end(service, SIGKILL)

    async def end(self, service: str, number: Signals) -> str:
        """End a service by a signal; return what its launcher says when it has ended."""
        self._processes.pop(service)
        self.pair.end(service, number)
        return await asyncio.to_thread(self.pair.end_of, service)

    async def start(self, service: str) -> None:
        """Start a service that the test ended; returns when it serves."""
        self._processes.pop(service, None)
        await asyncio.to_thread(self.pair.start_alone, service)
        self._processes[service] = self.pair.home.process_id(service)

    def _ended(self) -> list[str]:
        return [
            service
            for service, process_id in self._processes.items()
            if self.pair.home.process_id(service) != process_id
        ]

    def _check(self) -> None:
        assert not self._ended(), f"ended by itself: {self._ended()}"

    def _write(self, fault: str, load: Load, *, seconds: float | None, **counts: Any) -> None:
        row = table.Row(
            fault=fault,
            database=self._database,
            acknowledged=load.record.acknowledged,
            refused=sum(load.record.answers.values()),
            internal=len(load.record.internal),
            ended=len(self._ended()),
            seconds=seconds,
            **{"lost": 0, "held_twice": 0, "unauthorized": 0, **counts},
        )
        self._keep(table.PROPERTY, row.values())
