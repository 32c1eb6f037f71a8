"""This service guards itself with its own rules."""

from __future__ import annotations

import uuid
from collections.abc import Sequence

from deskhold.chassis.access import Need, denied
from deskhold.chassis.calls import Call, Caller, Grant
from rbac_service.access.policy import Freshness
from rbac_service.access.rules import Question
from rbac_service.access.usecases import Access
from rbac_service.log.decisions import DecisionLog
from rbac_service.messages import Messages


class SelfAuthorizer:
    """Decides about calls to this service, where the authority is local.

    Args:
        access: Decides.
        messages: Knows under which keys a caller may hold roles.
        decisions: Keeps what was decided.
    """

    def __init__(self, access: Access, messages: Messages, decisions: DecisionLog) -> None:
        self._access = access
        self._messages = messages
        self._decisions = decisions

    async def authorize(self, caller: Caller, needs: Sequence[Need], call: Call) -> Grant:
        """Return why the caller may do all of it.

        Raises:
            PermissionDenied: The caller may not do one of them.
            Unavailable: The store cannot confirm that the answer would be current.
        """
        keys = self._messages.caller_keys(caller)
        questions = [Question(keys, need.action, need.scope) for need in needs]
        decision_id = f"d-{uuid.uuid4().hex}"
        decisions = await self._access.decide(questions, Freshness(since=call.started))
        for question, decision in zip(questions, decisions, strict=True):
            self._decisions.record(decision_id, caller.key, question, decision)
        for need, decision in zip(needs, decisions, strict=True):
            if not decision.allowed:
                raise denied(need, caller, decision_id)
        return Grant(decision_id, decisions[0].revision, decisions[0].role_assignment)
