"""The decision log: who asked what and was told what, kept without ever standing in the way.

All denials and all decisions on mutations are kept, and a sample of the others. Recording appends
to a bounded queue in memory and nothing more; a task writes the queue in batches, and what does not
fit is counted, not waited for. The table is a bounded memory: each batch removes more old rows than
it adds.
"""

from __future__ import annotations

import asyncio
import random
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from itertools import islice
from typing import Final

from prometheus_client import CollectorRegistry

from deskhold.chassis.clock import now_us
from deskhold.chassis.database import Connection, Database
from deskhold.chassis.tally import Tally
from deskhold.errors import ResourceExhausted, Unavailable
from rbac_service.access.rules import Decision, Question
from rbac_service.log import decision_store as store
from rbac_service.log.decision_rules import RecordedDecision, is_mutation

KEPT: Final = 1_000_000
_QUEUED: Final = 10_000
_FLUSH_SECONDS: Final = 0.5
# Small, so that changes of the policy get their turn in the writing lane between two batches.
_BATCH: Final = 250
_SAMPLED: Final = 0.01


class DecisionLog:
    """Records decisions.

    Args:
        database: The policy store.
        registry: Where the metric of dropped decisions is kept.
        kept: How many decisions the table holds.
        queued: How many may wait to be written.
        clock_us: Microseconds since the epoch.
        chance: A number from 0 to 1, to draw the sample.
    """

    def __init__(
        self,
        database: Database,
        registry: CollectorRegistry,
        *,
        kept: int = KEPT,
        queued: int = _QUEUED,
        clock_us: Callable[[], int] = now_us,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._database = database
        self._kept = kept
        self._queued = queued
        self._clock_us = clock_us
        self._chance = chance
        self._waiting: deque[RecordedDecision] = deque()
        self._flushing = asyncio.Lock()
        self._many_wait = asyncio.Event()
        self._dropped = Tally(
            "deskhold_decisions_dropped",
            "Decisions that came faster than they could be written.",
            registry,
        )

    @property
    def dropped_count(self) -> int:
        """How many did not fit since the process started."""
        return self._dropped.count

    def record(
        self, decision_id: str, caller_key: str, question: Question, decision: Decision
    ) -> None:
        """Take up a decision, or not when it is one of the many; never waits, never fails."""
        if decision.allowed and not is_mutation(question.action) and self._chance() >= _SAMPLED:
            return
        if len(self._waiting) >= self._queued:
            self._dropped.count += 1
            return
        self._waiting.append(
            (
                decision_id,
                self._clock_us(),
                caller_key,
                question.principal_keys[0],
                question.action,
                question.scope,
                decision.allowed,
                decision.revision,
                decision.role_assignment,
            )
        )
        if len(self._waiting) == self._queued // 2:
            self._many_wait.set()

    async def run(self) -> None:
        """Write what waits, now and then and whenever the queue is half full, until cancelled."""
        while True:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._many_wait.wait(), _FLUSH_SECONDS)
            self._many_wait.clear()
            try:
                await self.flush()
            except (Unavailable, ResourceExhausted):
                # It still waits; what comes on top of a full queue is counted as dropped.
                continue

    async def flush(self) -> None:
        """Write everything that waits now.

        Raises:
            Unavailable: The store does not answer; what was not written still waits.
            ResourceExhausted: Too much waits for the store already; likewise.
        """
        async with self._flushing:
            left = len(self._waiting)
            while left > 0:
                batch = list(islice(self._waiting, min(left, _BATCH)))
                await self._database.writer.call(partial(self._write, batch=batch))
                for _ in batch:
                    self._waiting.popleft()
                left -= len(batch)

    def _write(self, connection: Connection, *, batch: list[RecordedDecision]) -> None:
        store.insert_decisions(connection, batch)
        store.prune(connection, self._kept, at_most=2 * len(batch))
