"""The decision log: who asked what and was told what, kept without ever standing in the way.

All denials and all decisions on mutations are kept, and a sample of the others. Recording appends
to a bounded queue in memory and nothing more; `deskhold.chassis.write_behind` writes it. The table
is a bounded memory: each batch removes more old rows than it adds.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge

from deskhold.chassis.clock import now_us
from deskhold.chassis.db import Connection, Database
from deskhold.chassis.write_behind import QUEUED, WriteBehind
from rbac_service.access.rules import Decision, Question
from rbac_service.log import decision_store as store
from rbac_service.log.decision_rules import RecordedDecision, is_mutation

KEPT: Final = 1_000_000
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

    Attributes:
        queue: The decisions on their way to the store.
    """

    def __init__(
        self,
        database: Database,
        registry: CollectorRegistry,
        *,
        kept: int = KEPT,
        queued: int = QUEUED,
        clock_us: Callable[[], int] = now_us,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._kept = kept
        self._clock_us = clock_us
        self._chance = chance
        self.queue: WriteBehind[RecordedDecision] = WriteBehind(
            database,
            write=self._write,
            is_written=store.has_decision,
            dropped=Counter(
                "deskhold_decisions_dropped",
                "Decisions that were not written: their queue was full, or the database refused.",
                registry=registry,
            ),
            queued=queued,
        )

        Gauge(
            "deskhold_decisions_waiting",
            "Decisions that wait to be written.",
            registry=registry,
        ).set_function(lambda: self.queue.waiting_count)
        decided = Counter(
            "deskhold_decisions",
            "Decisions that were made, by whether they allowed.",
            ("outcome",),
            registry=registry,
        )
        self._decided = {True: decided.labels("ALLOWED"), False: decided.labels("DENIED")}

    @property
    def dropped_count(self) -> int:
        """How many did not fit since the process started."""
        return self.queue.dropped_count

    def record(
        self, decision_id: str, caller_key: str, question: Question, decision: Decision
    ) -> None:
        """Take up a decision, or not when it is one of the many; never waits, never fails."""
        self._decided[decision.allowed].inc()
        if decision.allowed and not is_mutation(question.action) and self._chance() >= _SAMPLED:
            return
        self.queue.put(
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

    def _write(self, connection: Connection, batch: Sequence[RecordedDecision]) -> None:
        store.insert_decisions(connection, batch)
        store.prune(connection, self._kept, at_most=2 * len(batch))
