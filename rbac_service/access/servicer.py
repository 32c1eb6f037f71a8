"""AccessService: message in, message out."""

from __future__ import annotations

import uuid
from typing import Any

from google.protobuf.timestamp_pb2 import Timestamp

from deskhold import names, status
from deskhold.api.rbac.v1 import access_pb2 as pb
from deskhold.api.rbac.v1 import access_pb2_grpc
from deskhold.chassis import validation
from deskhold.chassis.calls import Caller, current
from deskhold.errors import InvalidArgument
from deskhold.identities import Domains, Principal, PrincipalKind
from rbac_service.access.rules import Decision
from rbac_service.access.usecases import Access, Question
from rbac_service.messages import principal_message, principal_of


class AccessServicer(access_pb2_grpc.AccessServiceServicer):
    """Answers whether somebody may.

    Args:
        access: Decides.
        domains: The deployment's domains.
    """

    def __init__(self, access: Access, domains: Domains) -> None:
        self._access = access
        self._domains = domains

    async def CheckAccess(
        self, request: pb.CheckAccessRequest, context: Any
    ) -> pb.CheckAccessResponse:
        """Decide one question."""
        question = self._question(request, current().authenticated)
        (decision,) = await self._access.decide((question,), current().started)
        return _answer(decision)

    async def BatchCheckAccess(
        self, request: pb.BatchCheckAccessRequest, context: Any
    ) -> pb.BatchCheckAccessResponse:
        """Decide many questions on one revision; what cannot be asked fails alone."""
        caller = current().authenticated
        questions: list[Question] = []
        refusals: dict[int, InvalidArgument] = {}
        for number, check in enumerate(request.checks):
            try:
                validation.check(check)
                questions.append(self._question(check, caller))
            except InvalidArgument as error:
                refusals[number] = error
        decisions = iter(await self._access.decide(questions, current().started))
        response = pb.BatchCheckAccessResponse()
        for number in range(len(request.checks)):
            result = response.results.add()
            if number in refusals:
                refusal = status.to_status(refusals[number], request_id=current().request_id)
                result.error.CopyFrom(refusal)
            else:
                decision = next(decisions)
                result.answer.CopyFrom(_answer(decision))
                response.revision = decision.revision
        return response

    async def WhoAmI(self, request: pb.WhoAmIRequest, context: Any) -> pb.WhoAmIResponse:
        """Return the caller."""
        caller = current().authenticated
        response = pb.WhoAmIResponse(
            principal=principal_message(caller.principal), group_ids=caller.group_ids
        )
        if caller.expires_at is not None:
            response.expire_time.CopyFrom(Timestamp(seconds=int(caller.expires_at)))
        return response

    def _question(self, check: pb.CheckAccessRequest, caller: Caller) -> Question:
        names.parse_scope(check.scope)
        if not check.HasField("principal"):
            return Question(caller_keys(caller, self._domains), check.action, check.scope)
        principal = principal_of(check.principal)
        keys = (
            self._domains.key(principal),
            *group_keys(check.group_ids, principal.directory, self._domains),
        )
        return Question(keys, check.action, check.scope)


def caller_keys(caller: Caller, domains: Domains) -> tuple[str, ...]:
    """Return the keys under which a caller may hold roles: its own and its groups'."""
    groups = group_keys(caller.group_ids, caller.principal.directory, domains)
    return (caller.key, *groups)


def group_keys(group_ids: Any, directory: str, domains: Domains) -> list[str]:
    """Return the keys of groups that a token names."""
    return [
        domains.key(Principal(PrincipalKind.GROUP, group_id, directory), field="group_ids")
        for group_id in group_ids
    ]


def _answer(decision: Decision) -> pb.CheckAccessResponse:
    return pb.CheckAccessResponse(
        decision=pb.DECISION_ALLOW if decision.allowed else pb.DECISION_DENY,
        decision_id=f"d-{uuid.uuid4().hex}",
        revision=decision.revision,
        role_assignment=decision.role_assignment,
    )
