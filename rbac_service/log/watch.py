"""The feed: one tailer per process reads the log for everybody who watches.

The newest entries are kept once, for all. Each watcher only remembers how far it has read: until it
has caught up it reads from the store at its own pace, afterwards from what is kept, and one who
falls behind that is sent away. So a slow reader costs nothing, and memory is bounded whatever the
number of watchers.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from dataclasses import dataclass
from itertools import islice
from typing import Final

from prometheus_client import Counter

from deskhold.chassis.clock import now_us
from deskhold.chassis.db import Connection, Database
from deskhold.errors import Aborted, ResourceExhausted, Unavailable
from rbac_service.access.policy import TAIL_SECONDS
from rbac_service.log.rules import Entry
from rbac_service.log.store import Head, newest_head, read_entries

WATCHERS: Final = 1_000
CHECKPOINT_SECONDS: Final = 1.0
_KEPT_ENTRIES: Final = 1000
_KEPT_CHARACTERS: Final = 32_000_000
_PIECE: Final = 500
_RETRY_SECONDS: Final = 1.0


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """Says that nothing has happened up to a revision.

    Attributes:
        revision: The newest one.
        time_us: When the head of the log was read.
    """

    revision: int
    time_us: int


class Feed:
    """Feeds watchers.

    Args:
        database: The policy store.
        watchers: How many may watch at once.
        kept: How many of the newest entries are kept; who falls further behind is sent away.
        checkpoint_seconds: How often watchers hear that nothing has happened.
        clock_us: Microseconds since the epoch.

    Attributes:
        dropped: Counts the readers that were too slow.
    """

    def __init__(
        self,
        database: Database,
        *,
        watchers: int = WATCHERS,
        kept: int = _KEPT_ENTRIES,
        checkpoint_seconds: float = CHECKPOINT_SECONDS,
        clock_us: Callable[[], int] = now_us,
    ) -> None:
        self._database = database
        self._max_watchers = watchers
        self._max_kept = kept
        self._checkpoint_seconds = checkpoint_seconds
        self._clock_us = clock_us
        self._watchers = 0
        self.dropped = Counter(
            "deskhold_watchers_dropped",
            "Watches that were ended because their reader was too slow.",
            registry=None,
        )
        self._watched = asyncio.Event()
        self._closed = False
        self._advancing = asyncio.Lock()
        self._kept: deque[Entry] = deque()
        self._head = Head("", 0)
        self._checkpoint = Checkpoint(0, 0)
        self._spoke_at = float("-inf")
        # Set and replaced whenever there is something to say; who waits holds the one it saw.
        self._news = asyncio.Event()

    @property
    def watchers_count(self) -> int:
        """How many watch now."""
        return self._watchers

    async def run(self) -> None:
        """Follow the log while it is watched, until cancelled.

        Raises:
            Unavailable: The store does not answer; watchers notice that checkpoints stop.
            ResourceExhausted: Too much waits for the store already; likewise.
        """
        while True:
            await self._watched.wait()
            await self._advance()
            await asyncio.sleep(TAIL_SECONDS)

    def close(self) -> None:
        """End every watch cleanly, and refuse new ones."""
        self._closed = True
        self._announce()

    async def follow(self, after_revision: int | None) -> AsyncGenerator[Entry | Checkpoint]:
        """Return every entry after a revision, gapless and as they come, and checkpoints between.

        Args:
            after_revision: None: what comes from now on.

        Raises:
            ResourceExhausted: Too many watch already.
            Aborted: The reader fell too far behind (SLOW_READER), or the revision is not of this
                history (REVISION_GONE).
            Unavailable: The store does not answer, or this process is stopping.
        """
        if self._closed:
            raise Unavailable(
                "this process is stopping; watch another one", retry_after_seconds=_RETRY_SECONDS
            )
        if self._watchers >= self._max_watchers:
            raise ResourceExhausted(
                f"{self._max_watchers} watch already; retry later",
                metadata={"limit": str(self._max_watchers)},
                retry_after_seconds=_RETRY_SECONDS,
            )
        self._watchers += 1
        self._watched.set()
        try:
            async for event in self._follow(after_revision):
                yield event
        finally:
            self._leave()

    async def _follow(self, after_revision: int | None) -> AsyncIterator[Entry | Checkpoint]:
        await self._advance()
        epoch = self._head.epoch
        position = self._head.revision if after_revision is None else after_revision
        if position > self._head.revision:
            raise _gone(position, self._head)
        async for entry in self._catch_up(position):
            yield entry
            position = entry.revision
        while not self._closed:
            news, checkpoint = self._news, self._checkpoint
            if self._head.epoch != epoch:
                raise _gone(position, self._head)
            for entry in self._after(position):
                yield entry
                position = entry.revision
            if checkpoint.revision == position:
                yield checkpoint
            if news is self._news:
                await news.wait()

    async def _catch_up(self, position: int) -> AsyncIterator[Entry]:
        while not self._closed and not self._is_kept(position):
            entries = await self._read(position)
            for entry in entries:
                yield entry
                position = entry.revision

    def _is_kept(self, position: int) -> bool:
        """Say whether everything after a revision is at hand."""
        return position + 1 >= self._first

    @property
    def _first(self) -> int:
        """The oldest revision at hand; what is at hand has no gaps and ends at the head."""
        return self._kept[0].revision if self._kept else self._head.revision + 1

    def _after(self, position: int) -> list[Entry]:
        if not self._is_kept(position):
            self.dropped.inc()
            raise Aborted(
                f"this reader is at revision {position}, too far behind {self._head.revision};"
                " take the watch up again after the last revision received",
                reason="SLOW_READER",
                metadata={"revision": str(position)},
            )
        return list(islice(self._kept, position + 1 - self._first, None))

    async def _advance(self) -> None:
        async with self._advancing:
            head = await newest_head(self._database)
            time_us = self._clock_us()
            # All is read before anything is kept: each read may fail or be cancelled.
            if head.epoch != self._head.epoch:
                self._kept.clear()
            elif head.revision > self._head.revision:
                missing = await self._read_up_to(head)
                self._keep(missing)
            moved = head != self._head
            self._head = head
            if moved or time.monotonic() - self._spoke_at >= self._checkpoint_seconds:
                self._checkpoint = Checkpoint(head.revision, time_us)
                self._announce()

    async def _read_up_to(self, head: Head) -> deque[Entry]:
        """Return what is new since the last head, the newest entries only if it is very much."""
        position = self._head.revision
        missing: deque[Entry] = deque(maxlen=self._max_kept)
        while position < head.revision:
            for entry in await self._read(position):
                if entry.revision <= head.revision:
                    missing.append(entry)
                position = entry.revision
        return missing

    def _keep(self, missing: deque[Entry]) -> None:
        if len(missing) == missing.maxlen:
            self._kept.clear()  # entries between the two may have been passed over
        self._kept.extend(missing)
        self._trim()

    def _trim(self) -> None:
        characters = sum(len(entry.encoded) for entry in self._kept)
        while len(self._kept) > self._max_kept or characters > _KEPT_CHARACTERS:
            characters -= len(self._kept.popleft().encoded)

    async def _read(self, after_revision: int) -> list[Entry]:
        def work(connection: Connection) -> list[Entry]:
            return read_entries(connection, after_revision, _PIECE)

        entries = await self._database.read(work)
        if not entries or entries[0].revision != after_revision + 1:
            raise Unavailable(
                f"the log lacks revision {after_revision + 1};"
                " verify it with: deskhold audit verify"
            )
        return entries

    def _leave(self) -> None:
        self._watchers -= 1
        if self._watchers == 0:
            self._watched.clear()
            # The next watcher begins anew; what comes meanwhile need not be read.
            self._kept.clear()
            self._head = Head("", 0)

    def _announce(self) -> None:
        self._spoke_at = time.monotonic()
        news, self._news = self._news, asyncio.Event()
        news.set()


def _gone(revision: int, head: Head) -> Aborted:
    return Aborted(
        f"revision {revision} is not of this history, which ends at {head.revision};"
        " the store was restored: read the policy again and watch from there",
        reason="REVISION_GONE",
        metadata={"revision": str(revision)},
    )
