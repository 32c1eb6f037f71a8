"""The gate: a row per RPC says which actions it needs and at which scopes.

A row only reads names out of the request, so that the answer is known before anything is loaded,
and "forbidden" and "absent" cannot be told apart. A method without a row stops the server at start.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from operator import attrgetter
from typing import Any, NamedTuple, Protocol

from google.protobuf.message import Message

from deskhold import names
from deskhold.chassis.calls import Call, Caller, Grant, Handler, Layer, Method
from deskhold.errors import PermissionDenied


class Need(NamedTuple):
    """An action and where it must be allowed.

    Attributes:
        action: Which action.
        scope: Where.
        may_lag: Whether the authority may answer from a policy that is a little old, because what
            the gate guards is answered from one, too.
    """

    action: str
    scope: str
    may_lag: bool = False


Row = Callable[[Any, Caller], Sequence[Need]]


class Authorizer(Protocol):
    """Says whether a caller may."""

    async def authorize(self, caller: Caller, needs: Sequence[Need], call: Call) -> Grant:
        """Return why the caller may do all of it.

        Raises:
            PermissionDenied: The caller may not do one of them.
            Unavailable: Nobody can say.
        """


def named(action: str, *kinds: names.Kind, field: str = "name") -> Row:
    """Return the row of an RPC whose request names a resource of one of the kinds in a field.

    A field of a message within the request is named with dots: `host.name`.
    """
    value = attrgetter(field)

    def needs(request: Any, _: Caller) -> Sequence[Need]:
        name = names.parse(value(request), *kinds, field=field)
        return (Need(action, name.scope),)

    return needs


def everyone(_: Any, __: Caller) -> Sequence[Need]:
    """The row of an RPC that is free for everyone who is signed in."""
    return ()


def refuse_holes(table: Mapping[str, Row], methods: Iterable[str]) -> None:
    """Check that the table has exactly one row per method.

    Raises:
        RuntimeError: Methods without a row, or rows without a method.
    """
    served = set(methods)
    holes = sorted(served - set(table))
    strays = sorted(set(table) - served)
    if holes or strays:
        raise RuntimeError(
            f"the access table has no row for {holes} and rows for unknown methods {strays};"
            " the server does not start until every RPC has exactly one row"
        )


def denied(need: Need, caller: Caller, decision_id: str) -> PermissionDenied:
    """Return the refusal, which names action, scope and decision and nothing about the resource."""
    return PermissionDenied(
        f"{caller.principal} may not do {need.action} at {need.scope} (decision {decision_id});"
        " ask an owner of that scope for a role that allows it",
        metadata={"action": need.action, "scope": need.scope, "decision": decision_id},
    )


def layer(table: Mapping[str, Row], authorizer: Authorizer) -> Layer:
    """Return the layer that lets a call pass only when its row is satisfied."""

    def wrap(method: Method, handler: Handler) -> Handler:
        row = table[method.name]

        async def gated(request: Message, call: Call) -> Message:
            caller = call.authenticated
            needs = call.needs = row(request, caller)
            if needs:
                call.grant = await authorizer.authorize(caller, needs, call)
            return await handler(request, call)

        return gated

    return wrap
