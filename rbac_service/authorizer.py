"""This service guards itself with its own rules."""

from __future__ import annotations

from collections.abc import Sequence

from deskhold.chassis import tracing
from deskhold.chassis.access import Need, denied
from deskhold.chassis.calls import Call, Caller, Grant
from deskhold.chassis.ids import new_id
from deskhold.names import DEPLOYMENT_SCOPE
from rbac_service.access.policy import Freshness
from rbac_service.access.rules import Decision, Question
from rbac_service.access.usecases import Access
from rbac_service.log.decisions import DecisionLog
from rbac_service.messages import Messages


class SelfAuthorizer:
    """Decides about calls to this service, where the authority is local.

    Args:
        access: Decides.
        messages: Knows under which keys a caller may hold roles.
        decisions: Keeps what was decided.
        max_age_seconds: How old the policy may be for needs that may lag.
    """

    def __init__(
        self, access: Access, messages: Messages, decisions: DecisionLog, *, max_age_seconds: float
    ) -> None:
        self._access = access
        self._messages = messages
        self._decisions = decisions
        self._lagging = Freshness(max_age_seconds=max_age_seconds)

    async def authorize(self, caller: Caller, needs: Sequence[Need], call: Call) -> Grant:
        """Return why the caller may do all of it.

        Raises:
            PermissionDenied: The caller may not do one of them.
            Unavailable: The store cannot confirm that the answer would be current.
        """
        may_lag = all(need.may_lag for need in needs)
        freshness = self._lagging if may_lag else Freshness(since=call.started)
        keys = self._messages.caller_keys(caller)
        with tracing.span("check"):
            questions, decisions = await self._decide(keys, needs, freshness)
        decision_id = f"d-{new_id()}"
        for question, decision in zip(questions, decisions, strict=True):
            self._decisions.record(decision_id, caller.key, question, decision)
        for question, decision in zip(questions, decisions, strict=True):
            if not decision.allowed:
                raise denied(Need(question.action, question.scope), caller, decision_id)
        return Grant(decision_id, decisions[0].revision, decisions[0].role_assignment)

    async def _decide(
        self, keys: tuple[str, ...], needs: Sequence[Need], freshness: Freshness
    ) -> tuple[Sequence[Question], Sequence[Decision]]:
        """Return what was asked and decided: less than is needed only if it allows all of it."""
        if len(needs) > 1:
            # Batches of services ask about many scopes; who may at the deployment may below.
            actions = sorted({need.action for need in needs})
            widest = [Question(keys, action, DEPLOYMENT_SCOPE) for action in actions]
            decisions = await self._access.decide(widest, freshness)
            if all(decision.allowed for decision in decisions):
                return widest, decisions
        questions = [Question(keys, need.action, need.scope) for need in needs]
        return questions, await self._access.decide(questions, freshness)
