"""Deciding questions about the caller and about others."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from rbac_service.access.policy import FULL, Freshness, Policy
from rbac_service.access.rules import Decision, Question, decide


class Access:
    """Decides.

    Args:
        policy: The policy.
        clock_us: Microseconds since the epoch.
    """

    def __init__(self, policy: Policy, clock_us: Callable[[], int]) -> None:
        self._policy = policy
        self._clock_us = clock_us

    async def decide(
        self,
        questions: Sequence[Question],
        freshness: Freshness = FULL,
        *,
        stop_at_first_deny: bool = False,
    ) -> Sequence[Decision]:
        """Answer questions in their order, all on one revision and at one time.

        Args:
            questions: What is asked.
            freshness: How current the answers must be.
            stop_at_first_deny: Leave out what follows the first denial.

        Raises:
            Unavailable: The store cannot confirm that the answers would be current enough.
        """
        snapshot = await self._policy.current(freshness)
        now_us = self._clock_us()
        decisions = []
        for question in questions:
            decision = decide(snapshot, question, now_us)
            decisions.append(decision)
            if stop_at_first_deny and not decision.allowed:
                break
        return decisions
