"""One call on its way through the layers: what is known of it so far."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import grpc
from google.protobuf.message import Message

from deskhold.identities import Principal

if TYPE_CHECKING:
    from deskhold.chassis.access import Need


@dataclass(frozen=True, slots=True)
class Method:
    """One RPC of a service.

    Attributes:
        full_name: `package.Service/Method`.
        request_type: The request's message class.
        streams: Whether it answers with a stream of messages.
        validates_itself: Whether its servicer validates its requests.
        is_read: Whether it changes nothing.
    """

    full_name: str
    request_type: type[Message]
    streams: bool = False
    validates_itself: bool = False
    is_read: bool = False

    @property
    def name(self) -> str:
        """`Service/Method`, as the access table has it."""
        return self.full_name.rpartition(".")[2]


@dataclass(frozen=True, slots=True)
class Caller:
    """Who is calling, as far as the credential proves it.

    Attributes:
        principal: The caller.
        key: The form in which the caller is compared (`identities.Domains.key`).
        group_ids: Groups named in the credential.
        expires_at: When the credential ends, in seconds since the epoch; None for a certificate.
    """

    principal: Principal
    key: str
    group_ids: tuple[str, ...] = ()
    expires_at: float | None = None


class Grant(NamedTuple):
    """Why a call was allowed.

    Attributes:
        decision_id: Names the decision in the authority's log.
        revision: The policy revision it was taken on.
        role_assignment: The role assignment that decided; empty when the call needs none.
    """

    decision_id: str = ""
    revision: int = 0
    role_assignment: str = ""


_NO_GRANT: Final = Grant()
_TENANT_PARTS: Final = len(["", "tenantGroups", "g", "tenants", "t"])


@dataclass(slots=True)
class Call:
    """One call.

    Attributes:
        method: Which RPC.
        context: gRPC's side of it.
        request_id: Names the call in logs and errors.
        started: When it arrived, on the monotonic clock.
        deadline: When the caller stops waiting, on the monotonic clock.
        metadata: What came with it; gRPC would make it anew whenever it is asked.
        body: The request as it arrived; empty once it is decoded.
        caller: Set by authn.
        needs: What it was judged by; set by access.
        grant: Set by access.
        code: How it ended, for telemetry.
        reason: The error's reason, when it failed.
    """

    method: Method
    context: grpc.aio.ServicerContext[Any, Any]
    request_id: str
    started: float
    deadline: float = 0.0
    metadata: Sequence[tuple[str, str | bytes]] = ()
    body: bytes = b""
    caller: Caller | None = None
    needs: Sequence[Need] = ()
    grant: Grant = _NO_GRANT
    code: grpc.StatusCode = grpc.StatusCode.OK
    reason: str = ""

    @property
    def remaining_seconds(self) -> float:
        """How long the caller still waits; never negative."""
        return max(0.0, self.deadline - time.monotonic())

    @property
    def lane(self) -> str:
        """Whose queue its work waits in: that of the tenant it is about, else of its caller."""
        scope = self.needs[0].scope.split("/") if self.needs else ()
        if len(scope) >= _TENANT_PARTS:
            return "/".join(scope[:_TENANT_PARTS])
        return "" if self.caller is None else self.caller.key

    @property
    def authenticated(self) -> Caller:
        """The caller, once authn has passed.

        Raises:
            RuntimeError: Asked before authn, which is a defect.
        """
        if self.caller is None:
            raise RuntimeError(f"{self.method.full_name} asked for its caller before authn")
        return self.caller


Handler = Callable[[Message, Call], Awaitable[Message]]
Layer = Callable[[Method, Handler], Handler]

_current: ContextVar[Call] = ContextVar("deskhold_call")


def current() -> Call:
    """Return the call that is being served; servicers read their caller from it."""
    return _current.get()


def current_or_none() -> Call | None:
    """Return the call that is being served, or None beside calls."""
    return _current.get(None)


def enter(call: Call) -> None:
    """Make a call the current one of this task; gRPC runs each call in a task of its own."""
    _current.set(call)
