"""The one clock: microseconds since the epoch, the unit in which times are stored.

It advances with the monotonic clock, so that setting the machine's clock does not change what has
elapsed. A service takes the time of its database over and over (`store_clock`), so that its
processes agree on the time wherever they run.
"""

from __future__ import annotations

import time
from typing import NamedTuple


class Reading(NamedTuple):
    """What time it was at a moment.

    Attributes:
        time_us: Microseconds since the epoch.
        at_ns: The moment, on the monotonic clock.
    """

    time_us: int
    at_ns: int


def machine_time() -> Reading:
    """Return what the machine's clock says now."""
    return Reading(time.time_ns() // 1000, time.monotonic_ns())


_last = machine_time()


def now_us() -> int:
    """Return the time now, in microseconds since the epoch."""
    return _last.time_us + (time.monotonic_ns() - _last.at_ns) // 1000


def set_now(reading: Reading) -> int:
    """Take a reading over; return by how much it is ahead of what this clock said, in us."""
    global _last  # noqa: PLW0603 - a process has one time
    ahead_us = reading.time_us - (_last.time_us + (reading.at_ns - _last.at_ns) // 1000)
    _last = reading
    return ahead_us
