"""When a stream that broke is taken up again, and after what."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Generic, TypeVar

from google.protobuf.message import Message

from deskhold import errors
from deskhold.client.calls import Stream

Answer = TypeVar("Answer", bound=Message)
# As a channel reconnects: soon after a restart, gently during an outage.
_FIRST_PAUSE_SECONDS = 0.1
_LAST_PAUSE_SECONDS = 2.0


class Resumption(Generic[Answer]):
    """Where a stream stands.

    Attributes:
        request: What takes it up where it stands.
        pause_seconds: How long to wait before that.
    """

    def __init__(
        self, stream: Stream[Answer], *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.request = stream.first
        self.pause_seconds = 0.0
        self._stream = stream
        self._clock = clock
        self._began = False
        self._failing_since: float | None = None

    def received(self, answer: Answer) -> None:
        """Note what was received last."""
        self.request = self._stream.after(answer)
        self._began, self._failing_since = True, None
        self.pause_seconds = 0.0

    def ended(self) -> None:
        """Note that the service ended the stream, as it does with old ones."""
        self._began, self._failing_since = True, None
        self._pause()

    def broke(self, error: errors.DeskholdError) -> None:
        """Note a failure that taking it up again can mend.

        Raises:
            DeskholdError: The failure, when it cannot, or when patience is at its end.
        """
        if isinstance(error, errors.Aborted) and error.reason != "SLOW_READER":
            raise error
        now = self._clock()
        self._failing_since = now if self._failing_since is None else self._failing_since
        if not self._began or now - self._failing_since > self._stream.patience_seconds:
            raise error
        self._pause()

    def _pause(self) -> None:
        doubled = max(2 * self.pause_seconds, _FIRST_PAUSE_SECONDS)
        self.pause_seconds = min(doubled, _LAST_PAUSE_SECONDS)
