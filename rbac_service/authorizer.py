"""This service guards itself with its own rules."""

from __future__ import annotations

import uuid
from collections.abc import Sequence

from deskhold.chassis.access import Need, denied
from deskhold.chassis.calls import Call, Caller, Grant
from deskhold.identities import Domains
from rbac_service.access.servicer import caller_keys
from rbac_service.access.usecases import Access, Question


class SelfAuthorizer:
    """Decides about calls to this service, where the authority is local.

    Args:
        access: Decides.
        domains: The deployment's domains.
    """

    def __init__(self, access: Access, domains: Domains) -> None:
        self._access = access
        self._domains = domains

    async def authorize(self, caller: Caller, needs: Sequence[Need], call: Call) -> Grant:
        """Return why the caller may do all of it.

        Raises:
            PermissionDenied: The caller may not do one of them.
            Unavailable: The store cannot confirm that the answer would be current.
        """
        keys = caller_keys(caller, self._domains)
        questions = [Question(keys, need.action, need.scope) for need in needs]
        decision_id = f"d-{uuid.uuid4().hex}"
        decisions = await self._access.decide(questions, call.started)
        for need, decision in zip(needs, decisions, strict=True):
            if not decision.allowed:
                raise denied(need, caller, decision_id)
        return Grant(decision_id, decisions[0].revision, decisions[0].role_assignment)
