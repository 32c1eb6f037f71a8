"""AccessService: message in, message out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from google.protobuf.timestamp_pb2 import Timestamp

from deskhold import names, status
from deskhold.api.rbac.v1 import access_pb2 as pb
from deskhold.api.rbac.v1 import access_pb2_grpc
from deskhold.chassis import validation
from deskhold.chassis.calls import Caller, current
from deskhold.chassis.ids import new_id
from deskhold.chassis.paging import Pager
from deskhold.errors import InvalidArgument
from deskhold.names import DEPLOYMENT_SCOPE
from rbac_service.access import list_messages, whatif_messages
from rbac_service.access.explain_messages import grant_message, near_miss_message
from rbac_service.access.policy import Freshness
from rbac_service.access.queries import Queries, cursor_of
from rbac_service.access.questions import Questions
from rbac_service.access.rules import Decision, Question
from rbac_service.access.tokens import Revision, Tokens
from rbac_service.access.usecases import Access
from rbac_service.log.decisions import DecisionLog
from rbac_service.messages import Messages, principal_message


class AccessServicer(access_pb2_grpc.AccessServiceServicer):
    """Answers whether somebody may.

    Args:
        access: Decides.
        queries: Answers what is asked of the whole policy.
        messages: Knows under which keys somebody may hold roles.
        tokens: Makes and reads revision tokens.
        decisions: Keeps what was decided.
        pager: Issues page tokens.
        max_age_seconds: How old the policy may be for answers that minimize latency.
    """

    def __init__(
        self,
        access: Access,
        *,
        queries: Queries,
        messages: Messages,
        tokens: Tokens,
        decisions: DecisionLog,
        pager: Pager,
        max_age_seconds: float,
    ) -> None:
        self._access = access
        self._queries = queries
        self._pager = pager
        self._messages = messages
        self._questions = Questions(messages)
        self._tokens = tokens
        self._decisions = decisions
        self._from_memory = Freshness(max_age_seconds=max_age_seconds)

    @validation.by_servicer
    async def CheckAccess(
        self, request: pb.CheckAccessRequest, context: Any
    ) -> pb.CheckAccessResponse:
        """Decide one question."""
        caller = current().authenticated
        question = self._questions.read(request, caller)
        (decision,) = await self._access.decide((question,), self._freshness(request))
        answer = pb.CheckAccessResponse()
        self._answer(answer, caller, question, decision)
        answer.revision_token = self._tokens.make(decision.epoch, decision.revision)
        return answer

    async def BatchCheckAccess(
        self, request: pb.BatchCheckAccessRequest, context: Any
    ) -> pb.BatchCheckAccessResponse:
        """Decide many questions on one revision; what cannot be asked fails alone."""
        caller = current().authenticated
        asked = [self._ask(check, caller) for check in request.checks]
        if request.stop_at_first_deny:
            # Nothing behind a question that cannot be asked is decided either.
            first = next((n for n, one in enumerate(asked) if not isinstance(one, Question)), None)
            asked = asked if first is None else asked[: first + 1]
        decisions = await self._access.decide(
            [one for one in asked if isinstance(one, Question)],
            self._freshness(request),
            stop_at_first_deny=request.stop_at_first_deny,
        )
        return self._batch(len(request.checks), caller, asked, decisions)

    async def ExplainAccess(
        self, request: pb.ExplainAccessRequest, context: Any
    ) -> pb.ExplainAccessResponse:
        """Decide one question and say why."""
        caller = current().authenticated
        question = self._questions.read(request.check, caller)
        explanation = await self._queries.explain(
            question, self._messages.caller_keys(caller), self._freshness(request.check)
        )
        response = pb.ExplainAccessResponse(
            grants=[grant_message(grant) for grant in explanation.grants],
            near_misses=[near_miss_message(miss) for miss in explanation.near_misses],
        )
        decision = explanation.decision
        self._answer(response.answer, caller, question, decision)
        response.answer.revision_token = self._tokens.make(decision.epoch, decision.revision)
        return response

    async def TestPermissions(
        self, request: pb.TestPermissionsRequest, context: Any
    ) -> pb.TestPermissionsResponse:
        """Return which of some actions the caller may do."""
        names.parse_scope(request.scope)
        keys = self._messages.caller_keys(current().authenticated)
        questions = [Question(keys, action, request.scope) for action in request.actions]
        decisions = await self._access.decide(questions)
        held = zip(request.actions, decisions, strict=True)
        return pb.TestPermissionsResponse(
            actions=[action for action, decision in held if decision.allowed],
            revision=decisions[0].revision,
        )

    async def ListAccessibleScopes(
        self, request: pb.ListAccessibleScopesRequest, context: Any
    ) -> pb.ListAccessibleScopesResponse:
        """Return a page of the scopes where somebody may."""
        caller = current().authenticated
        keys = (
            self._messages.keys_of(request.principal, request.group_ids)
            if request.HasField("principal")
            else self._messages.caller_keys(caller)
        )
        question = Question(keys, request.action, request.scope or DEPLOYMENT_SCOPE)
        page = self._pager.open(request, caller.key)
        listing = await self._queries.list_scopes(question, page)
        rows, token = self._pager.close(request, caller.key, page, listing.rows, cursor_of)
        return list_messages.scopes_message(rows, token, listing.revision)

    async def ListPrincipalsWithAccess(
        self, request: pb.ListPrincipalsWithAccessRequest, context: Any
    ) -> pb.ListPrincipalsWithAccessResponse:
        """Return a page of those who may."""
        caller = current().authenticated
        page = self._pager.open(request, caller.key)
        listing = await self._queries.list_principals(request.action, request.scope, page)
        rows, token = self._pager.close(request, caller.key, page, listing.rows, cursor_of)
        return list_messages.principals_message(rows, token, listing.revision)

    async def ListEffectivePermissions(
        self, request: pb.ListEffectivePermissionsRequest, context: Any
    ) -> pb.ListEffectivePermissionsResponse:
        """Return a page of who may do what."""
        caller = current().authenticated
        key = None
        if request.HasField("principal"):
            key = self._messages.key_of(request.principal, field="principal")
        page = self._pager.open(request, caller.key)
        listing = await self._queries.list_permissions(request.scope, key, page)
        rows, token = self._pager.close(request, caller.key, page, listing.rows, cursor_of)
        return list_messages.permissions_message(rows, token, listing.revision)

    async def WhatIf(self, request: pb.WhatIfRequest, context: Any) -> pb.WhatIfResponse:
        """Decide questions as if some changes had been made."""
        caller = current().authenticated
        answers = await self._queries.what_if(
            whatif_messages.hypotheses(request.changes, self._messages),
            [self._questions.read(check, caller) for check in request.checks],
        )
        return whatif_messages.response(answers)

    async def WhoAmI(self, request: pb.WhoAmIRequest, context: Any) -> pb.WhoAmIResponse:
        """Return the caller."""
        caller = current().authenticated
        response = pb.WhoAmIResponse(
            principal=principal_message(caller.principal), group_ids=caller.group_ids
        )
        if caller.expires_at is not None:
            response.expire_time.CopyFrom(Timestamp(seconds=int(caller.expires_at)))
        return response

    def _ask(self, check: pb.CheckAccessRequest, caller: Caller) -> Question | InvalidArgument:
        try:
            return self._questions.read(check, caller)
        except InvalidArgument as error:
            return error

    def _batch(
        self,
        size: int,
        caller: Caller,
        asked: Sequence[Question | InvalidArgument],
        decisions: Sequence[Decision],
    ) -> pb.BatchCheckAccessResponse:
        response = pb.BatchCheckAccessResponse()
        results = [response.results.add() for _ in range(size)]
        waiting = iter(decisions)
        for result, one in zip(results, asked, strict=False):
            if isinstance(one, InvalidArgument):
                refusal = status.to_status(one, request_id=current().request_id)
                result.error.CopyFrom(refusal)
                continue
            decision = next(waiting, None)
            if decision is None:
                break
            self._answer(result.answer, caller, one, decision)
        if decisions:
            response.revision = decisions[0].revision
            response.revision_token = self._tokens.make(decisions[0].epoch, decisions[0].revision)
        return response

    def _freshness(self, request: Any) -> Freshness:
        wanted = request.consistency.WhichOneof("requirement")
        if wanted == "minimize_latency":
            return self._from_memory
        if wanted != "at_least_as_fresh":
            return Freshness(since=current().started)
        return Freshness(
            at_least=tuple(
                self._revision(token, number)
                for number, token in enumerate(request.consistency.at_least_as_fresh.tokens)
            )
        )

    def _revision(self, token: str, number: int) -> Revision:
        revision = self._tokens.read(token)
        if revision is None:
            field = f"consistency.at_least_as_fresh.tokens[{number}]"
            raise InvalidArgument(
                f"{field}: it was not issued by this deployment;"
                " leave it out to ask for full consistency",
                reason="REVISION_TOKEN_INVALID",
                metadata={"field": field},
            )
        return revision

    def _answer(
        self,
        answer: pb.CheckAccessResponse,
        caller: Caller,
        question: Question,
        decision: Decision,
    ) -> None:
        """Write a decision into a message and record it.

        A message in another one is filled where it is: made aside it would be copied.
        """
        answer.decision = pb.DECISION_ALLOW if decision.allowed else pb.DECISION_DENY
        answer.decision_id = decision_id = f"d-{new_id()}"
        answer.revision = decision.revision
        answer.role_assignment = decision.role_assignment
        if decision.valid_until_us is not None:
            answer.valid_until.FromMicroseconds(decision.valid_until_us)
        self._decisions.record(decision_id, caller.key, question, decision)
