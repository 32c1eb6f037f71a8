"""Deciding questions about the caller and about others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rbac_service.access.policy import Policy
from rbac_service.access.rules import Decision, decide
from rbac_service.roles.rules import Catalogue


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked.

    Attributes:
        principal_keys: The principal and its groups, as keys.
        action: What they want to do.
        scope: Where.
    """

    principal_keys: tuple[str, ...]
    action: str
    scope: str


class Access:
    """Decides.

    Args:
        policy: The assignments.
        catalogue: The roles.
    """

    def __init__(self, policy: Policy, catalogue: Catalogue) -> None:
        self._policy = policy
        self._catalogue = catalogue

    async def decide(self, questions: Sequence[Question], since: float) -> Sequence[Decision]:
        """Answer questions in their order, all on one revision.

        Args:
            questions: What is asked.
            since: When the request arrived, on the monotonic clock.

        Raises:
            Unavailable: The store cannot confirm that the answers would be current.
        """
        snapshot = await self._policy.current(since)
        return [
            decide(
                snapshot,
                self._catalogue,
                principal_keys=question.principal_keys,
                action=question.action,
                scope=question.scope,
            )
            for question in questions
        ]
