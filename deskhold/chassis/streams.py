"""Limit the streams that one caller has open, so that nobody takes the places of the others."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from deskhold.errors import ResourceExhausted

STREAMS_PER_CALLER: Final = 20
_RETRY_SECONDS: Final = 1.0


class OpenStreams:
    """The streams of a process that are open, by caller.

    Args:
        most: How many each caller may have open.
    """

    def __init__(self, most: int = STREAMS_PER_CALLER) -> None:
        self._most = most
        self._open: Counter[str] = Counter()

    @contextmanager
    def one_of(self, caller: str) -> Iterator[None]:
        """Count a stream of a caller, by key, until the block ends.

        Raises:
            ResourceExhausted: The caller has as many open as may be.
        """
        if self._open[caller] >= self._most:
            raise ResourceExhausted(
                f"{self._most} watches of {caller} are open at this process already; end one, or"
                f" retry in {_RETRY_SECONDS:g} s",
                metadata={"limit": str(self._most)},
                retry_after_seconds=_RETRY_SECONDS,
            )
        self._open[caller] += 1
        try:
            yield
        finally:
            self._open[caller] -= 1
            if not self._open[caller]:
                del self._open[caller]
