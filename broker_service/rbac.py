"""Asks the RBAC service; the only file that knows the authority is remote.

Checks that wait at the same moment travel together: exactly one BatchCheckAccess is in flight, and
the next one leaves when it has returned and nothing more arrives, without a timer. Each check is
thus decided after its request arrived, on one revision, and costs a fraction of a call of its own
(design study: 0.96 of the rate of an empty two-hop call, not 0.69 as with a call for each check).
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Sequence
from typing import Any, NamedTuple

import grpc
import structlog
from grpc_health.v1 import health_pb2, health_pb2_grpc
from prometheus_client import Summary

from broker_service.hedging import hedged
from deskhold import status
from deskhold.api.rbac.v1 import (
    access_pb2,
    access_pb2_grpc,
    principals_pb2,
    scopes_pb2,
    scopes_pb2_grpc,
)
from deskhold.chassis import tracing
from deskhold.chassis.access import Need, denied
from deskhold.chassis.calls import Call, Caller, Grant
from deskhold.chassis.readiness import NotReadyError
from deskhold.errors import DeskholdError, FailedPrecondition, NotFound, Unavailable
from deskhold.identities import PrincipalKind

_MAX_BATCH = 64
# gRPC needs several turns of the loop to make a running handler of a call that has arrived.
# Measured with 32 in flight: 2 quiet turns make batches of 3 checks, 10 of 9; 20 gain nothing.
_QUIET_TURNS = 10
_TIMEOUT_SECONDS = 2.0
# One batch that is lost and the next one; whoever waits behind more is told before they are asked.
_PATIENCE_SECONDS = 2 * _TIMEOUT_SECONDS
_MARGIN_SECONDS = 0.05
_RETRY_SECONDS = 1.0
_PAGE_SIZE = 1000
_REGISTERED = frozenset({scopes_pb2.SCOPE_KIND_COLLECTION, scopes_pb2.SCOPE_KIND_APP_GROUP})
ACCESS_SERVICE = access_pb2.DESCRIPTOR.services_by_name["AccessService"].full_name
_KINDS = {
    PrincipalKind.USER: principals_pb2.PRINCIPAL_KIND_USER,
    PrincipalKind.GROUP: principals_pb2.PRINCIPAL_KIND_GROUP,
    PrincipalKind.SERVICE_PRINCIPAL: principals_pb2.PRINCIPAL_KIND_SERVICE_PRINCIPAL,
}


class _Waiting(NamedTuple):
    caller: Caller
    need: Need
    answer: asyncio.Future[access_pb2.CheckAccessResponse]
    until: float
    span: Any = None  # of whoever asks, for traces


class Authority:
    """The RBAC service as the broker sees it.

    Args:
        channel: Mutual TLS to it; the broker's certificate says who asks.
        logger: Where refusals to answer are explained.

    Attributes:
        batch_sizes: How many checks went in one question.
    """

    def __init__(
        self, channel: grpc.aio.Channel, logger: structlog.typing.FilteringBoundLogger
    ) -> None:
        self.use(channel)
        self._logger = logger
        self._waiting: list[_Waiting] = []
        self._asked: list[_Waiting] = []
        self._pump: asyncio.Task[None] | None = None
        self._alarm: asyncio.TimerHandle | None = None
        self._alarm_at = math.inf
        self.batch_sizes = Summary(
            "deskhold_checks_batch_size", "Checks in one question to rbac.", registry=None
        )

    @property
    def waiting_count(self) -> int:
        """How many checks are not answered yet."""
        return len(self._waiting) + len(self._asked)

    def use(self, channel: grpc.aio.Channel) -> None:
        """Use another channel from now on; calls that are under way stay on the former one."""
        self._access = access_pb2_grpc.AccessServiceStub(channel)
        self._scopes = scopes_pb2_grpc.ScopeServiceStub(channel)
        self._health: Any = health_pb2_grpc.HealthStub(channel)  # its type stub has no methods

    async def authorize(self, caller: Caller, needs: Sequence[Need], call: Call) -> Grant:
        """Return why the caller may do all of it.

        Raises:
            PermissionDenied: The caller may not do one of them.
            Unavailable: The authority does not say.
        """
        # Less than the caller waits, who is to be told as well.
        now = time.monotonic()
        left = call.deadline - now
        until = min(call.deadline - min(_MARGIN_SECONDS, left / 4), now + _PATIENCE_SECONDS)
        with tracing.span("check"):
            answers = [self._ask(caller, need, until) for need in needs]
            decisions = [await answer for answer in answers]
        grant = Grant()
        for need, decision in zip(needs, decisions, strict=True):
            if decision.decision != access_pb2.DECISION_ALLOW:
                raise denied(need, caller, decision.decision_id)
            grant = Grant(decision.decision_id, decision.revision, decision.role_assignment)
        return grant

    async def require_ready(self) -> None:
        """Check that the authority can be reached and serves.

        Raises:
            NotReadyError: It cannot, or says that it does not; says which.
        """
        request = health_pb2.HealthCheckRequest(service=ACCESS_SERVICE)
        try:
            answer = await _asked(self._health.Check, request, _TIMEOUT_SECONDS)
        except grpc.aio.AioRpcError as error:
            raise NotReadyError(f"rbac is not reached: {error.code().name}") from None
        if answer.status != health_pb2.HealthCheckResponse.SERVING:
            raise NotReadyError("rbac is reached but not ready")

    async def require_scope(self, scope: str, *, seconds: float) -> None:
        """Check that a scope is registered.

        Args:
            scope: Which.
            seconds: How long the answer may take at the most.

        Raises:
            Unavailable: The authority does not answer.
            FailedPrecondition: It is not.
        """
        request = scopes_pb2.GetScopeRequest(name=scope)
        try:
            await _asked(self._scopes.GetScope, request, seconds)
        except grpc.aio.AioRpcError as error:
            translated = self._translated(error)
            if not isinstance(translated, NotFound):
                raise translated from None
            raise FailedPrecondition(
                f"scope {scope} is not registered; create it first with: deskhold scope create",
                reason="PARENT_SCOPE_MISSING",
                metadata={"scope": scope, "parent": scope},
            ) from None

    async def register(self, scopes: Sequence[str], *, seconds: float) -> None:
        """Register scopes, outermost first; those that are registered stay as they are.

        Args:
            scopes: Which.
            seconds: How long each may take at the most.

        Raises:
            Unavailable: The authority does not answer.
            FailedPrecondition: The scope above is not registered.
        """
        for scope in scopes:
            request = scopes_pb2.CreateScopeRequest(scope=scopes_pb2.Scope(name=scope))
            try:
                await _asked(self._scopes.CreateScope, request, seconds)
            except grpc.aio.AioRpcError as error:
                # An Owner may have registered it by hand, under another display name.
                if error.code() is not grpc.StatusCode.ALREADY_EXISTS:
                    raise self._translated(error) from None

    async def unregister(self, scope: str) -> None:
        """Remove a scope with everything below it and all role assignments there; none is fine.

        Raises:
            Unavailable: The authority does not answer.
        """
        request = scopes_pb2.DeleteScopeRequest(name=scope, force=True)
        try:
            await _asked(self._scopes.DeleteScope, request, _TIMEOUT_SECONDS)
        except grpc.aio.AioRpcError as error:
            translated = self._translated(error)
            if not isinstance(translated, NotFound):
                raise translated from None

    async def list_registered(self, scope: str, *, seconds: float) -> dict[str, str]:
        """Return the collections and app groups registered below a scope, with their etags.

        Each page may take so many seconds. Raises Unavailable when the authority does not answer.
        """
        found: dict[str, str] = {}
        request = scopes_pb2.ListScopesRequest(parent=scope, page_size=_PAGE_SIZE)
        while True:
            try:
                page = await _asked(self._scopes.ListScopes, request, seconds)
            except grpc.aio.AioRpcError as error:
                translated = self._translated(error)
                if isinstance(translated, NotFound):
                    return {}  # the scope itself is gone, and all below it
                raise translated from None
            found.update((one.name, one.etag) for one in page.scopes if one.kind in _REGISTERED)
            if not page.next_page_token:
                return found
            request.page_token = page.next_page_token

    def _ask(
        self, caller: Caller, need: Need, until: float
    ) -> asyncio.Future[access_pb2.CheckAccessResponse]:
        answer = asyncio.get_running_loop().create_future()
        self._waiting.append(_Waiting(caller, need, answer, until, tracing.here()))
        if until < self._alarm_at:
            self._set_alarm(until)
        if self._pump is None or self._pump.done():
            self._pump = asyncio.create_task(self._send_what_waits())
        return answer

    async def _send_what_waits(self) -> None:
        while self._waiting:
            await self._let_more_arrive()
            # Whoever has been cancelled meanwhile needs no answer.
            batch = [one for one in self._waiting[:_MAX_BATCH] if not one.answer.done()]
            del self._waiting[:_MAX_BATCH]
            if batch:
                self.batch_sizes.observe(len(batch))
                self._asked = batch
                await self._send(batch)
                self._asked = []

    async def _let_more_arrive(self) -> None:
        """Return when so many turns of the loop have brought nothing more; there is no timer.

        A call costs rbac about a millisecond whatever it asks, so that a busy broker, whose turns
        are long, is to ask fewer times for more; an idle one runs through the turns in no time.
        """
        count = 0
        while count < len(self._waiting) < _MAX_BATCH:
            count = len(self._waiting)
            for _ in range(_QUIET_TURNS):
                await asyncio.sleep(0)

    def _set_alarm(self, until: float) -> None:
        """Have those told whose time is up: batches before theirs may take as long as they may.

        One alarm, at the earliest end of all who wait, because a timer for each costs more than
        its check. Ends are about equally far away, so it is seldom set anew.
        """
        if self._alarm is not None:
            self._alarm.cancel()
        self._alarm_at = until
        loop = asyncio.get_running_loop()
        self._alarm = loop.call_later(max(0.0, until - time.monotonic()), self._tell_the_late)

    def _tell_the_late(self) -> None:
        self._alarm, self._alarm_at = None, math.inf
        now = time.monotonic()
        waiting = [one for one in (*self._asked, *self._waiting) if not one.answer.done()]
        for one in waiting:
            if one.until <= now:
                _fail(one, _unavailable())
        still = [one.until for one in waiting if one.until > now]
        if still:
            self._set_alarm(min(still))

    async def _send(self, batch: list[_Waiting]) -> None:
        longest = max(one.until for one in batch) - time.monotonic()
        request = access_pb2.BatchCheckAccessRequest()
        for one in batch:
            _add(request, one.caller, one.need)
        try:
            with tracing.joint_span("BatchCheckAccess", [one.span for one in batch]):
                response = await _asked(self._access.BatchCheckAccess, request, longest)
            for one, result in zip(batch, response.results, strict=True):
                _settle(one, result)
        except grpc.aio.AioRpcError as error:
            translated = self._translated(error)
            for one in batch:
                _fail(one, translated)
        except Exception as error:  # a defect here belongs to those who wait, not to this task
            for one in batch:
                _fail(one, error)

    def _translated(self, error: grpc.aio.AioRpcError) -> DeskholdError:
        """Return what the broker's caller is told; only what concerns its request gets through."""
        translated = status.from_rpc_error(error)
        if error.code() in (grpc.StatusCode.NOT_FOUND, grpc.StatusCode.FAILED_PRECONDITION):
            return translated
        self._logger.warning(
            "the authority did not answer",
            code=error.code().name,
            message=translated.message,
            hint="before the first Owner is named (deskhold bootstrap) it answers nobody"
            if error.code() is grpc.StatusCode.PERMISSION_DENIED
            else "",
        )
        return _unavailable()


async def _asked(method: Any, request: Any, seconds: float) -> Any:
    """Return the answer of any rbac; safe, for every method used here may be repeated."""
    metadata = tracing.headers()
    return await hedged(
        lambda left: method(request, timeout=left, metadata=metadata),
        min(seconds, _TIMEOUT_SECONDS),
    )


def _add(request: access_pb2.BatchCheckAccessRequest, caller: Caller, need: Need) -> None:
    # Where it is, field by field: made in constructors it takes three times as long, and a copy.
    check, who = request.checks.add(), caller.principal
    asked = check.principal
    asked.kind, asked.id, asked.directory = _KINDS[who.kind], who.id, who.directory
    check.action, check.scope = need.action, need.scope
    check.group_ids.extend(caller.group_ids)


def _settle(one: _Waiting, result: access_pb2.BatchCheckAccessResult) -> None:
    if result.HasField("answer"):
        if not one.answer.done():
            one.answer.set_result(result.answer)
    else:
        _fail(one, status.from_status(result.error))


def _fail(one: _Waiting, error: Exception) -> None:
    if not one.answer.done():
        one.answer.set_exception(error)
        # Whoever has several needs hears of the first failure only; the others count as heard.
        one.answer.exception()


def _unavailable() -> Unavailable:
    return Unavailable(
        "the authority (rbac) does not say whether you may; nothing was changed; retry later",
        reason="AUTHORITY_UNAVAILABLE",
        metadata={"authority": "rbac"},
        retry_after_seconds=_RETRY_SECONDS,
    )
