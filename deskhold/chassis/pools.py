"""What the kernel is asked for many at a time and handed out one by one.

A visit for each would be short, but Python gives its lock away for it, and whichever thread takes
it keeps the event loop waiting.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Generic, TypeVar

One = TypeVar("One")


class Pool(Generic[One]):
    """Hands out each of what is made once, in any thread, and to no child of this process.

    Args:
        make: Returns some that were never returned before, at least one.
    """

    def __init__(self, make: Callable[[], list[One]]) -> None:
        self._make = make
        self._ready: list[One] = []
        # A child of this process must not hand out what this one will.
        os.register_at_fork(after_in_child=self._ready.clear)

    def take(self) -> One:
        """Return one that nobody else gets."""
        try:
            return self._ready.pop()
        except IndexError:
            own, *others = self._make()
            self._ready.extend(others)
            return own
