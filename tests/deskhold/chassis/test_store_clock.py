"""The clock of a process goes by its database, and by nothing that is set on its machine."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
import structlog

from deskhold.chassis import clock
from deskhold.chassis.clock import Reading, machine_time, now_us, set_now
from deskhold.chassis.db import Database
from deskhold.chassis.store_clock import StoreClock

HOUR_US = 3600 * 1_000_000


@pytest.fixture(autouse=True)
def restored() -> Iterator[None]:
    """The clock of this process as it was."""
    yield
    set_now(machine_time())


async def test_a_process_whose_clock_is_an_hour_off_takes_the_time_of_its_database(
    database: Database,
) -> None:
    right = machine_time()
    set_now(Reading(right.time_us - HOUR_US, right.at_ns))

    with structlog.testing.capture_logs() as lines:
        await StoreClock(database, structlog.get_logger()).read()

    assert abs(now_us() - machine_time().time_us) < HOUR_US / 2
    (line,) = lines
    assert line["log_level"] == "warning"
    assert round(line["by_seconds"] / 3600) == 1


async def test_a_clock_that_is_right_is_set_in_silence(database: Database) -> None:
    with structlog.testing.capture_logs() as lines:
        await StoreClock(database, structlog.get_logger()).read()

    assert lines == []


def test_a_machine_whose_clock_is_set_back_changes_no_time(monkeypatch: pytest.MonkeyPatch) -> None:
    before = now_us()
    monkeypatch.setattr(time, "time_ns", lambda: 0)

    assert before <= now_us() < before + HOUR_US
    assert clock.machine_time().time_us == 0
