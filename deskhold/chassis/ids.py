"""Ids that nobody else makes, many from one visit to the kernel, those of a time side by side.

A visit for each would be short, but Python gives its lock away for it, and whichever thread takes
it keeps the event loop waiting. The first 48 bits are the time, in milliseconds, at which some
hundred ids were made, the other 80 are random (RFC 9562, UUIDv7, puts them likewise): an index of
random ids is written in as many places as there are new rows, one of these in one or two.
"""

from __future__ import annotations

import os
import time
from typing import Final

_RANDOM_BYTES: Final = 10
_AT_ONCE: Final = 256
_ready: list[str] = []


def new_id() -> str:
    """Return 32 hexadecimal digits; they tell about when it was made, so they are no secret."""
    try:
        return _ready.pop()
    except IndexError:
        own, *others = _some()
        _ready.extend(others)
        return own


def _some() -> list[str]:
    begin = f"{time.time_ns() // 1_000_000:012x}"
    digits = os.urandom(_RANDOM_BYTES * _AT_ONCE).hex()
    step = 2 * _RANDOM_BYTES
    return [begin + digits[start : start + step] for start in range(0, len(digits), step)]


# A child of this process must not hand out what this one will.
os.register_at_fork(after_in_child=_ready.clear)
