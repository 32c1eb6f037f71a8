"""A background task under a supervisor, as the services run it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

import structlog
from prometheus_client import CollectorRegistry

from deskhold.chassis.background import Supervisor, Task


@asynccontextmanager
async def supervised(run: Callable[[], Coroutine[Any, Any, None]]) -> AsyncIterator[None]:
    """Run a task until the block ends; what fails is started again at once."""
    supervisor = Supervisor(
        structlog.get_logger(), CollectorRegistry(), first_pause=0.001, longest_pause=0.01
    )
    supervisor.start(Task("task", run))
    try:
        yield
    finally:
        await supervisor.stop()
