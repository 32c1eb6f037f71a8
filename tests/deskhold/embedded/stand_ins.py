"""Stand-ins for the services, and what a launcher needs to run them."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

from deskhold.embedded.child import Service
from deskhold.embedded.launcher import Launcher
from deskhold.embedded.paths import Home

STAND_IN = Path(__file__).with_name("stand_in.py")


def stand_in(home: Home, name: str, address: str, behaviour: str = "serve") -> Service:
    """Return a service whose process serves nothing but its health."""
    command = (sys.executable, str(STAND_IN), str(home.path), name, address, behaviour)
    return Service(name, command, address, start_alone=f"run {name}")


class Spoken:
    """What a launcher said, to be waited for."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self._said = asyncio.Event()

    def __call__(self, line: str) -> None:
        self.lines.append(line)
        self._said.set()

    async def wait_for(self, words: str) -> str:
        """Return the first line with these words, as soon as it is said."""
        async with asyncio.timeout(30):
            while True:
                for line in self.lines:
                    if words in line:
                        return line
                self._said.clear()
                await self._said.wait()


def launcher(
    home: Home,
    *services: Service,
    say: Spoken,
    grace_seconds: float = 20,
    start_seconds: float = 30,
) -> Launcher:
    return Launcher(
        home,
        services,
        environ=os.environ,
        say=say,
        next_step="go on",
        grace_seconds=grace_seconds,
        start_seconds=start_seconds,
    )


def events(home: Home) -> list[str]:
    """Return what the stand-ins did, in order."""
    return (home.path / "events").read_text().splitlines()
