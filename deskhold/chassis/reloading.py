"""Read files again when they change, or on SIGHUP: certificates, keys, key sets.

New content that cannot be used is logged once and the former stays in use, so that a file that is
replaced while its pair is not yet does no harm.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import structlog

from deskhold.chassis.settings import SettingsError

_LOOK_SECONDS: Final = 1.0

# Of each file: time of change, size, inode. A link that is set to another file changes the inode.
_Stamp = tuple[tuple[int, int, int] | None, ...]


@dataclass(frozen=True, slots=True)
class Reload:
    """Something that is read from files.

    Attributes:
        name: Its name in the log.
        files: The files.
        run: Reads them and puts them to use; raises SettingsError when they cannot be used.
    """

    name: str
    files: tuple[Path, ...]
    run: Callable[[], Awaitable[None]]


class Reloader:
    """Watches the files of what is reloaded.

    Args:
        reloads: What is reloaded; its files count as read when this is made.
        logger: Where reloads are logged.
    """

    def __init__(
        self, reloads: Sequence[Reload], logger: structlog.typing.FilteringBoundLogger
    ) -> None:
        self._stamps = [(one, _stamp(one.files)) for one in reloads]
        self._logger = logger
        self._asked = asyncio.Event()

    def ask(self) -> None:
        """Read everything again, whether it has changed or not."""
        self._asked.set()

    async def run(self) -> None:
        """Look for changes every second, until cancelled."""
        while True:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._asked.wait(), _LOOK_SECONDS)
            await self.look()

    async def look(self) -> None:
        """Read again what has changed, or everything when that was asked for."""
        is_asked = self._asked.is_set()
        self._asked.clear()
        for index, (one, before) in enumerate(self._stamps):
            stamp = _stamp(one.files)
            if stamp != before or is_asked:
                self._stamps[index] = (one, stamp)
                await self._reload(one)

    async def _reload(self, one: Reload) -> None:
        try:
            await one.run()
        except SettingsError as error:
            self._logger.error("cannot reload; the former stays", name=one.name, reason=str(error))
        else:
            self._logger.info("reloaded", name=one.name)


def _stamp(files: tuple[Path, ...]) -> _Stamp:
    return tuple(_stamp_of(file) for file in files)


def _stamp_of(file: Path) -> tuple[int, int, int] | None:
    try:
        found = file.stat()
    except OSError:  # it is being replaced, or gone: to read it then says so
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino
