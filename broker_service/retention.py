"""Forgets what was kept long enough: activities, changes and history, oldest first, in small steps.

Each step is a transaction of its own, so that what callers wait for gets its turn between two of
them. Several brokers on one database may do so at the same time.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final, Protocol

from broker_service.changes.store import prune as prune_changes
from broker_service.diagnostics.store import prune as prune_activities
from broker_service.history.store import prune as prune_history
from deskhold.chassis.db import Connection, Database

ACTIVITY_DAYS: Final = 30
ACTIVITY_ROWS: Final = 1_000_000
HISTORY_DAYS: Final = 1_095
CHANGE_HOURS: Final = 24
CHANGE_ROWS: Final = 1_000_000
_ANY_NUMBER: Final = sys.maxsize
_STEP: Final = 500
_ROUND_SECONDS: Final = 30.0
_HOUR_US: Final = 3_600_000_000


class Prune(Protocol):
    """Removes the oldest of something; returns how many."""

    def __call__(
        self, connection: Connection, *, before_us: int, kept: int, at_most: int
    ) -> int: ...


@dataclass(frozen=True, slots=True)
class Rule:
    """What is kept of something.

    Attributes:
        prune: Removes what is not.
        hours: For how long.
        rows: How many at the most.
    """

    prune: Prune
    hours: int
    rows: int


def rules(*, activity_days: int, activity_rows: int, history_days: int) -> tuple[Rule, ...]:
    """Return what this service keeps."""
    return (
        Rule(prune_activities, 24 * activity_days, activity_rows),
        Rule(prune_changes, CHANGE_HOURS, CHANGE_ROWS),
        Rule(prune_history, 24 * history_days, _ANY_NUMBER),
    )


class Retention:
    """Removes what is older, or more, than rules allow.

    Args:
        database: The broker's store.
        kept: The rules.
        clock_us: Microseconds since the epoch.
        step: How many rows one transaction looks at.
    """

    def __init__(
        self,
        database: Database,
        kept: Sequence[Rule],
        *,
        clock_us: Callable[[], int],
        step: int = _STEP,
    ) -> None:
        self._database = database
        self._kept = kept
        self._clock_us = clock_us
        self._step = step

    async def run(self) -> None:
        """Remove what is due, over and over, until cancelled.

        Raises what `prune` raises.
        """
        while True:
            await self.prune()
            await asyncio.sleep(_ROUND_SECONDS)

    async def prune(self) -> None:
        """Remove everything that is due now.

        Raises:
            Unavailable: The store does not answer.
            ResourceExhausted: Too much waits for it already.
        """
        for rule in self._kept:
            remove = partial(
                rule.prune,
                before_us=self._clock_us() - rule.hours * _HOUR_US,
                kept=rule.rows,
                at_most=self._step,
            )
            while await self._database.write(remove):
                pass
