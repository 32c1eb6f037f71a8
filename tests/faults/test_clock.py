"""The clock of the machine goes back an hour."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import pytest

from deskhold.embedded.home import lay_out
from tests.faults.conftest import Keep, running, urls
from tests.faults.databases import Postgresql, postgresql_folder
from tests.faults.trial import Trial
from tests.journeys.pair import Pair

_FAULT_SECONDS: Final = 5


class Clock:
    """The wall clock of processes that are started with `environ`; libfaketime shifts it.

    They begin an hour ahead, so that what the test itself signs is valid before and after.
    """

    def __init__(self, folder: Path) -> None:
        libraries = list(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"))
        assert libraries, "libfaketime is not installed; type: ./setup.sh faults"
        self._file = folder / "clock"
        self._file.write_text("+1h\n")
        self._file.chmod(0o644)
        self.environ = {
            "LD_PRELOAD": str(libraries[0]),
            "FAKETIME_TIMESTAMP_FILE": str(self._file),
            "FAKETIME_CACHE_DURATION": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            # Its repair for old C libraries delays waits that go by the monotonic clock: with it a
            # claim takes 0.1 s instead of 7 ms.
            "FAKETIME_FORCE_MONOTONIC_FIX": "0",
        }

    def go_back(self) -> None:
        """Set the clock back by an hour."""
        self._file.write_text("+0\n")


@pytest.fixture
def clock() -> Iterator[Clock]:
    with postgresql_folder() as folder:
        yield Clock(folder)


@pytest.fixture
def shifted(
    database: str,
    clock: Clock,
    servers: Callable[..., Postgresql],
    new_pair: Callable[..., Pair],
) -> Iterator[Pair]:
    """Both services and their PostgreSQL server, whose clock is shifted."""
    settings = dict(clock.environ)
    if database == "PostgreSQL":
        server = servers(**clock.environ)
        server.create()
        settings |= urls(server)
    pair = new_pair(database, **settings)
    # The test checks certificates by the true clock, so they are made by it.
    lay_out(pair.home.path, pair.base_port)
    with running(pair):
        yield pair


async def test_the_clock_goes_back_an_hour(
    shifted: Pair, clock: Clock, database: str, record_property: Keep
) -> None:
    async with Trial(shifted, database, record_property).of("clock back an hour (libfaketime)"):
        clock.go_back()
        await asyncio.sleep(_FAULT_SECONDS)
