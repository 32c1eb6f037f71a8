"""The one clock: microseconds since the epoch, the unit in which times are stored."""

from __future__ import annotations

import time


def now_us() -> int:
    """Return the time now, in microseconds since the epoch."""
    return time.time_ns() // 1000
