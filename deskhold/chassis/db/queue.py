"""A queue that is fair between tenants: one lane each, bounded, taken in turns."""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable
from typing import Final

from deskhold.chassis.db.failures import RETRY_SECONDS
from deskhold.chassis.db.work import Work
from deskhold.errors import ResourceExhausted

# A thousand users of a tenant may sign in at the same moment.
MOST_IN_LANE: Final = 1_024
MOST_IN_ALL: Final = 8_192


class FairQueue:
    """Work that waits, in lanes; used on one thread."""

    def __init__(self) -> None:
        self._lanes: OrderedDict[str, deque[Work]] = OrderedDict()
        self._size = 0

    def __len__(self) -> int:
        return self._size

    def put(self, work: Work) -> None:
        """Add work at the end of its lane.

        Raises:
            ResourceExhausted: The lane or the whole queue is full.
        """
        waiting = len(self._lanes.get(work.lane, ()))
        refuse_if_full(waiting, self._size)
        self._lanes.setdefault(work.lane, deque()).append(work)
        self._size += 1

    def take(self, at_most: int, is_closed: Callable[[str], bool]) -> list[Work]:
        """Remove and return the next work, one of each lane in turn.

        Args:
            at_most: How much.
            is_closed: Whether a lane has to wait until other work of it is done.
        """
        taken: list[Work] = []
        while len(taken) < at_most:
            lane = next((one for one in self._lanes if not is_closed(one)), None)
            if lane is None:
                break
            taken.append(self._lanes[lane].popleft())
            self._lanes.move_to_end(lane)
            self._settle(lane)
        return taken

    def drop(self, work: Work) -> None:
        """Remove work that waits."""
        self._lanes[work.lane].remove(work)
        self._settle(work.lane)

    def _settle(self, lane: str) -> None:
        self._size -= 1
        if not self._lanes[lane]:
            del self._lanes[lane]


def refuse_if_full(in_lane: int, in_all: int) -> None:
    """Refuse one more request when there are too many.

    Raises:
        ResourceExhausted: There are.
    """
    limit = MOST_IN_LANE if in_lane >= MOST_IN_LANE else MOST_IN_ALL
    if in_lane >= MOST_IN_LANE or in_all >= MOST_IN_ALL:
        raise ResourceExhausted(
            f"{limit} requests wait for the database already; retry in {RETRY_SECONDS:g} s",
            metadata={"limit": str(limit)},
            retry_after_seconds=RETRY_SECONDS,
        )
