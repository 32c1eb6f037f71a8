"""The hub: one reader per process follows the changes for everybody who watches.

It reads what is new, loads what changed once for all, and puts it into a bounded queue of each
watcher that wants it; a watcher whose queue is full is sent away. One who begins further back first
reads up to the present at its own pace, through the same database, and then joins.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import AsyncGenerator, Callable, Iterable
from contextlib import aclosing
from dataclasses import dataclass
from functools import partial
from typing import Final

from prometheus_client import Counter

from broker_service.changes.rules import Position
from broker_service.changes.store import read_changes, read_horizon
from broker_service.watch.rules import (
    Checkpoint,
    Event,
    Interest,
    latest,
    position_gone,
    slow_reader,
)
from broker_service.watch.store import find_resources
from deskhold.chassis.clock import now_us
from deskhold.chassis.db import Connection, Database
from deskhold.errors import Aborted, ResourceExhausted, Unavailable

WATCHERS: Final = 1_000
CHECKPOINT_SECONDS: Final = 3.0
# A change of 10,000 rows, the most that one call makes, fits twice.
_QUEUED: Final = 20_000
_PIECE: Final = 500
_TAIL_SECONDS: Final = 0.1
_RETRY_SECONDS: Final = 1.0


@dataclass(frozen=True, slots=True)
class _Piece:
    """What was read at once.

    Attributes:
        events: The changes that somebody wants to hear of.
        end: Up to where it reaches.
        is_last: Whether that is everything there is.
    """

    events: list[Event]
    end: Position
    is_last: bool


class _Watcher:
    """One who watches, from the moment on at which nothing stands between it and the hub."""

    def __init__(self, interest: Interest, position: Position, most: int) -> None:
        self.interest = interest
        self.position = position
        self._most = most
        self._waiting: deque[Event | Checkpoint] = deque()
        self._fault: Aborted | None = None
        self.news = asyncio.Event()

    def hand(self, event: Event | Checkpoint) -> bool:
        """Take up what stands behind what is known; False: there is no room any more."""
        is_known = event.position < self.position or (
            isinstance(event, Event) and event.position == self.position
        )
        if is_known or self._fault is not None:
            return True
        if len(self._waiting) >= self._most:
            self.fail(slow_reader(self.position))
            return False
        self._waiting.append(event)
        self.news.set()
        return True

    def fail(self, fault: Aborted) -> None:
        """Send the watcher away."""
        self._waiting.clear()
        self._fault = fault
        self.news.set()

    def take(self) -> Event | Checkpoint | None:
        """Return what comes next; None: nothing yet.

        Raises:
            Aborted: The watcher was sent away.
        """
        if self._fault is not None:
            raise self._fault
        if not self._waiting:
            self.news.clear()
            return None
        event = self._waiting.popleft()
        self.position = event.position
        return event


class Hub:
    """Feeds watchers.

    Args:
        database: The broker's store.
        watchers: How many may watch at once.
        queued: How many events may wait for one watcher.
        checkpoint_seconds: How often watchers hear that nothing has happened.
        clock_us: Microseconds since the epoch.

    Attributes:
        dropped: Counts the watchers that were too slow.
    """

    def __init__(
        self,
        database: Database,
        *,
        watchers: int = WATCHERS,
        queued: int = _QUEUED,
        checkpoint_seconds: float = CHECKPOINT_SECONDS,
        clock_us: Callable[[], int] = now_us,
    ) -> None:
        self._database = database
        self._max_watchers = watchers
        self._queued = queued
        self._checkpoint_seconds = checkpoint_seconds
        self._clock_us = clock_us
        self._begun = 0
        self._watchers: list[_Watcher] = []
        self._watched = asyncio.Event()
        self._closed = False
        # Held while something is read, so that who joins misses nothing and hears nothing twice.
        self._reading = asyncio.Lock()
        self._tail = Position(0, 0)
        self._spoke_at = float("-inf")
        self._read_at = float("-inf")
        self.dropped = Counter(
            "deskhold_watchers_dropped",
            "Watches that were ended because their reader was too slow.",
            registry=None,
        )

    @property
    def watchers_count(self) -> int:
        """How many watch now."""
        return self._begun

    @property
    def lag_seconds(self) -> float:
        """How long ago changes were last read; 0 while nobody watches."""
        return time.monotonic() - self._read_at if self._watchers else 0.0

    async def run(self) -> None:
        """Follow the changes while they are watched, until cancelled.

        Raises:
            Unavailable: The store does not answer; watchers notice that checkpoints stop.
            ResourceExhausted: Too much waits for the store already; likewise.
        """
        while True:
            await self._watched.wait()
            if await self._advance():
                await asyncio.sleep(_TAIL_SECONDS)

    def close(self) -> None:
        """End every watch cleanly, and refuse new ones."""
        self._closed = True
        for watcher in self._watchers:
            watcher.news.set()

    async def follow(
        self, interest: Interest, after: Position | None
    ) -> AsyncGenerator[Event | Checkpoint]:
        """Return every change after a position, gapless and as they come, and checkpoints between.

        Args:
            interest: What to hear of.
            after: None: what comes from now on; a checkpoint comes first and says from where.

        Raises:
            ResourceExhausted: Too many watch already.
            Aborted: The reader fell too far behind (SLOW_READER), or changes after the position are
                no longer kept (POSITION_GONE).
            Unavailable: The store does not answer, or this process is stopping.
        """
        if self._closed:
            raise Unavailable(
                "this process is stopping; watch another one", retry_after_seconds=_RETRY_SECONDS
            )
        if self._begun >= self._max_watchers:
            raise ResourceExhausted(
                f"{self._max_watchers} watch already; retry later",
                metadata={"limit": str(self._max_watchers)},
                retry_after_seconds=_RETRY_SECONDS,
            )
        self._begun += 1
        try:
            async with aclosing(self._follow(interest, after)) as events:
                async for event in events:
                    yield event
        finally:
            self._begun -= 1

    async def _follow(
        self, interest: Interest, after: Position | None
    ) -> AsyncGenerator[Event | Checkpoint]:
        watcher = None
        try:
            if after is None:
                async with self._reading:
                    after = await self._database.read(read_horizon)
                    watcher = self._join(interest, after)
                yield Checkpoint(after, self._clock_us())
            while watcher is None and not self._closed:
                async with self._reading:
                    piece = await self._read(after, (interest,))
                    after = piece.end
                    if piece.is_last:
                        watcher = self._join(interest, after)
                for event in piece.events:
                    yield event
            while watcher is not None and not self._closed:
                waiting = watcher.take()
                if waiting is None:
                    await watcher.news.wait()
                else:
                    yield waiting
        finally:
            if watcher is not None:
                self._leave(watcher)

    def _join(self, interest: Interest, position: Position) -> _Watcher:
        watcher = _Watcher(interest, position, self._queued)
        if not self._watchers:
            # Nobody has followed since the last one left.
            self._tail = position
            self._read_at = time.monotonic()
        self._watchers.append(watcher)
        self._watched.set()
        return watcher

    def _leave(self, watcher: _Watcher) -> None:
        if watcher in self._watchers:
            self._watchers.remove(watcher)
        if not self._watchers:
            self._watched.clear()

    def _send_all_away(self) -> None:
        for watcher in tuple(self._watchers):
            watcher.fail(position_gone(watcher.position))
            self._leave(watcher)

    async def _advance(self) -> bool:
        """Read a piece and hand it out; say whether it was the last."""
        async with self._reading:
            interests = {watcher.interest for watcher in self._watchers}
            try:
                piece = await self._read(self._tail, interests)
            except Aborted:  # the store was away for so long that what was missed is gone
                self._send_all_away()
                return True
            self._tail = piece.end
            self._read_at = time.monotonic()
            for interest in interests:
                covered = [one for one in piece.events if interest.covers(one.kind, one.name)]
                for watcher in self._watchers:
                    if watcher.interest == interest:
                        self._hand(watcher, covered)
            if time.monotonic() - self._spoke_at >= self._checkpoint_seconds:
                self._spoke_at = time.monotonic()
                checkpoint = Checkpoint(piece.end, self._clock_us())
                for watcher in self._watchers:
                    self._hand(watcher, (checkpoint,))
            return piece.is_last

    def _hand(self, watcher: _Watcher, events: Iterable[Event | Checkpoint]) -> None:
        if not all(watcher.hand(event) for event in events):
            self.dropped.inc()

    async def _read(self, after: Position, interests: Iterable[Interest]) -> _Piece:
        return await self._database.read(partial(_read_piece, after=after, interests=interests))


def _read_piece(
    connection: Connection, *, after: Position, interests: Iterable[Interest]
) -> _Piece:
    """Read the changes behind a position, with what changed, in one state of the store.

    Raises:
        Aborted: Some of them are missing.
    """
    horizon = read_horizon(connection)
    noted = read_changes(connection, after, _PIECE)
    if after > horizon or (noted and noted[0].kind is None):
        raise position_gone(after)
    wanted = [
        (one, one.kind)
        for one in latest(noted)
        if one.kind is not None and any(each.covers(one.kind, one.name) for each in interests)
    ]
    found = find_resources(connection, [(kind, one.name) for one, kind in wanted])
    events = [
        Event(one.position, kind, one.name, one.time_us, found.get((kind, one.name)))
        for one, kind in wanted
    ]
    is_last = len(noted) < _PIECE
    return _Piece(events, horizon if is_last else noted[-1].position, is_last)
