"""Keep running what works beside calls: nothing beside a call ends a service.

Every background task of a service runs under one supervisor. Whatever a task raises is logged with
its traceback and counted, and the task is started again after a pause that doubles with each
failure in a row. A task must therefore be safe to start again at any `await`.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any, Final, NoReturn

import structlog
from prometheus_client import CollectorRegistry, Counter

# The longest pause is about how late a service resumes after its database or authority is back.
_FIRST_PAUSE_SECONDS: Final = 0.1
_LONGEST_PAUSE_SECONDS: Final = 5.0


@dataclass(frozen=True, slots=True)
class Task:
    """Something that runs for as long as the service serves.

    Attributes:
        name: Its name in the log and in the metric, in lower case with underscores.
        run: Runs until cancelled; to return is a failure.
    """

    name: str
    run: Callable[[], Coroutine[Any, Any, None]]


class Supervisor:
    """Runs background tasks and starts again those that fail.

    Args:
        logger: Where failures are logged, with their tracebacks.
        registry: Where restarts are counted, by task.
        first_pause: Seconds before the first restart; each further one in a row takes twice as
            long, up to `longest_pause`, and varies by half so that tasks do not restart together.
        longest_pause: Seconds; a task that ran for longer starts its pauses anew.
    """

    def __init__(
        self,
        logger: structlog.typing.FilteringBoundLogger,
        registry: CollectorRegistry,
        *,
        first_pause: float = _FIRST_PAUSE_SECONDS,
        longest_pause: float = _LONGEST_PAUSE_SECONDS,
    ) -> None:
        self._logger = logger
        self._first_pause = first_pause
        self._longest_pause = longest_pause
        self._restarts = Counter(
            "deskhold_task_restarts_total",
            "Background tasks that failed and were started again, by task.",
            ("task",),
            registry=registry,
        )
        self._running: list[asyncio.Task[NoReturn]] = []

    def start(self, *tasks: Task) -> None:
        """Start tasks; they run until `stop`."""
        for task in tasks:
            self._restarts.labels(task.name)  # so that the series exists before the first failure
            self._running.append(asyncio.create_task(self._keep_running(task), name=task.name))

    async def stop(self) -> None:
        """Cancel the tasks and wait until each has ended."""
        running, self._running = self._running, []
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)

    async def _keep_running(self, task: Task) -> NoReturn:
        failures = 0
        while True:
            started = time.monotonic()
            fault = await _fault_of(task)
            if time.monotonic() - started > self._longest_pause:
                failures = 0
            longest = min(self._longest_pause, self._first_pause * 2**failures)
            pause = longest * random.uniform(0.5, 1.0)  # noqa: S311
            failures = min(failures + 1, 32)
            self._restarts.labels(task.name).inc()
            self._logger.error(
                "a background task failed; it is started again",
                task=task.name,
                pause_seconds=round(pause, 3),
                exc_info=fault,
            )
            await asyncio.sleep(pause)


async def _fault_of(task: Task) -> BaseException:
    """Run a task until it ends and return why it ended; it never should.

    Raises:
        CancelledError: The supervisor stops.
    """
    try:
        await task.run()
    except asyncio.CancelledError as error:
        current = asyncio.current_task()
        # Something that the task waited for may have been cancelled, and not the task itself.
        if current is not None and current.cancelling():
            raise
        return error
    except Exception as error:
        return error
    return RuntimeError(f"{task.name} returned, although it is to run until it is cancelled")
