"""Log lines on their way to standard error: one write for many.

A write for each line is a system call for each, in which other threads take Python's lock away from
the loop. Lines that only tell wait up to ten milliseconds for others; warnings and errors take them
along at the end of the turn of the loop. Those of a process that ends are written, unless it is
killed within that time.
"""

from __future__ import annotations

import asyncio
import atexit
from collections import deque
from typing import BinaryIO, Final

_PATIENCE_SECONDS: Final = 0.01


class Lines:
    """Takes lines, as structlog's loggers do.

    Args:
        file: Where they go.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._waiting: deque[bytes] = deque()
        atexit.register(self.flush)

    def info(self, line: bytes) -> None:
        """Take a line that only tells; outside an event loop it is written at once."""
        self._waiting.append(line)
        if len(self._waiting) > 1:
            return
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            self.flush()
        else:
            loop.call_later(_PATIENCE_SECONDS, self.flush)

    def warning(self, line: bytes) -> None:
        """Take a line that somebody should see; outside an event loop it is written at once."""
        self._waiting.append(line)
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            self.flush()
        else:
            loop.call_soon(self.flush)

    debug = msg = info
    error = critical = warning

    def flush(self) -> None:
        """Write what waits."""
        lines = []
        while self._waiting:  # other threads may add some meanwhile
            lines.append(self._waiting.popleft())
        if lines:
            self._file.write(b"\n".join(lines) + b"\n")
            self._file.flush()
