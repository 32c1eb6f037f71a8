"""Ids that nobody else makes, those of a time side by side.

The first 48 bits are the time, in milliseconds, at which some hundred ids were made, the other 80
are random (RFC 9562, UUIDv7, puts them likewise): an index of random ids is written in as many
places as there are new rows, one of these in one or two.
"""

from __future__ import annotations

import os
import time
from typing import Final

from deskhold.chassis.pools import Pool

_RANDOM_BYTES: Final = 10
_AT_ONCE: Final = 256


def _some() -> list[str]:
    begin = f"{time.time_ns() // 1_000_000:012x}"
    digits = os.urandom(_RANDOM_BYTES * _AT_ONCE).hex()
    step = 2 * _RANDOM_BYTES
    return [begin + digits[start : start + step] for start in range(0, len(digits), step)]


_POOL: Final = Pool(_some)


def new_id() -> str:
    """Return 32 hexadecimal digits; they tell about when it was made, so they are no secret."""
    return _POOL.take()
