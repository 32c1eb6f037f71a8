"""One of several processes that bring a database up to date."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from deskhold.chassis.db import migrate


async def race(url: str, _: int, start: Callable[[], object], migrations: str) -> str:
    start()
    migrate(url, Path(migrations))
    return "done"
