"""The fixed order in which a call passes the layers, built once per method.

Outermost first, each with its reason:

1. telemetry: counts and logs everything, refusals included.
2. faults: the one error border, so that everything inside may simply raise.
3. what the service itself wants to see of its calls, if anything: outside authn, so that it sees
   calls of unknown callers and what was refused.
4. deadlines: no work for callers who have left.
5. bounds: no more bytes than the method takes.
6. authn: who is calling.
7. decoding: until here the request is an empty message, filled now from its bytes. Nothing of a
   stranger's is decoded. Access needs the names in it, so it is decoded before access.
8. access: may they; before validation, so that a stranger learns nothing of the state (AIP-211).
9. validation: the rules written in the protos, unless the servicer sees to them itself.
10. the servicer.

gRPC's own interceptors would be asked again on every call which handler to use; composing plain
functions once per method costs nothing per call.

A method that answers with a stream passes the same layers: innermost, its messages are written one
by one, and what the layers see return is its end.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Container, Mapping, Sequence
from contextlib import aclosing
from typing import Any

import grpc
from google.protobuf.empty_pb2 import Empty
from google.protobuf.message import Message

from deskhold.chassis.calls import Call, Handler, Layer, Method, enter
from deskhold.chassis.ids import new_id
from deskhold.errors import Aborted
from deskhold.status import REQUEST_ID_KEY

_MAX_REQUEST_ID_LENGTH = 64
# How long a reader may leave one message of a stream lying before it is given up.
WRITE_SECONDS = 30.0


class Recorder:
    """Stands in for a server while generated code registers a servicer, and keeps its handlers."""

    def __init__(self) -> None:
        self.services: dict[str, dict[str, grpc.RpcMethodHandler[Any, Any]]] = {}

    def add_generic_rpc_handlers(self, handlers: object) -> None:
        """Ignore: the same handlers arrive by name too."""

    def add_registered_method_handlers(
        self, service: str, handlers: Mapping[str, grpc.RpcMethodHandler[Any, Any]]
    ) -> None:
        """Keep the handlers of one service."""
        self.services[service] = dict(handlers)

    @property
    def methods(self) -> list[str]:
        """`Service/Method` of every RPC registered."""
        return [
            f"{service.rpartition('.')[2]}/{name}"
            for service, handlers in self.services.items()
            for name in handlers
        ]


def wrap(
    recorder: Recorder,
    request_types: Mapping[str, type[Message]],
    layers: Sequence[Layer],
    reads: Container[str] = (),
) -> list[grpc.GenericRpcHandler]:
    """Return the recorded services with every method behind the layers.

    Args:
        recorder: Holds the servicers' own handlers.
        request_types: `package.Service/Method` to request class.
        layers: Outermost first.
        reads: The methods that change nothing, as `package.Service/Method`.

    Raises:
        ValueError: A method takes a stream; the layers only know single requests.
    """
    generic = []
    for service, handlers in recorder.services.items():
        wrapped: dict[str, grpc.RpcMethodHandler[Any, Any]] = {}
        for name, handler in handlers.items():
            if handler.request_streaming:
                raise ValueError(f"{service}/{name} takes a stream; layers know one request")
            streams = bool(handler.response_streaming)
            behavior = handler.unary_stream or handler.unary_unary
            method = Method(
                f"{service}/{name}",
                request_types[f"{service}/{name}"],
                streams,
                validates_itself=getattr(behavior, "validates_itself", False),
                is_read=f"{service}/{name}" in reads,
            )
            make = (
                grpc.unary_stream_rpc_method_handler
                if streams
                else grpc.unary_unary_rpc_method_handler
            )
            wrapped[name] = make(
                _compose(method, behavior, layers),
                request_deserializer=None,  # the layers take bytes
                response_serializer=handler.response_serializer,
            )
        generic.append(grpc.method_handlers_generic_handler(service, wrapped))
    return generic


def _compose(method: Method, behavior: Any, layers: Sequence[Layer]) -> Any:
    async def serve(request: Message, call: Call) -> Message:
        # A method as generated code registered it; gRPC has no types.
        return await behavior(request, call.context)  # type: ignore[no-any-return]

    async def serve_stream(request: Message, call: Call) -> Message:
        async with aclosing(behavior(request, call.context)) as replies:
            await _write_all(replies, call)
        return Empty()  # for the layers; to gRPC what a stream returns says nothing

    handler: Handler = serve_stream if method.streams else serve
    for layer in reversed(layers):
        handler = layer(method, handler)

    request_type = method.request_type

    async def entry(body: bytes, context: grpc.aio.ServicerContext[Any, Any]) -> Message:
        metadata = tuple(context.invocation_metadata() or ())
        call = Call(method, context, _request_id(metadata), time.monotonic(), 0.0, metadata, body)
        enter(call)
        return await handler(request_type(), call)

    return entry


async def _write_all(replies: Any, call: Call) -> None:
    """Write a stream until it ends, or cleanly until its time is up, so that readers resume."""
    while True:
        age = asyncio.timeout(call.remaining_seconds)
        try:
            async with age:
                reply = await anext(replies)
        except StopAsyncIteration:
            return
        except TimeoutError:
            if age.expired():
                return
            raise  # the servicer's own, which is a defect
        patience = asyncio.timeout(WRITE_SECONDS)
        try:
            async with patience:
                await call.context.write(reply)
        except TimeoutError:
            if not patience.expired():
                raise
            raise Aborted(
                f"a message was not read for {WRITE_SECONDS:g} s; take the stream up again"
                " after the last message received",
                reason="SLOW_READER",
            ) from None


def _request_id(metadata: Sequence[tuple[str, str | bytes]]) -> str:
    for key, value in metadata:
        if key == REQUEST_ID_KEY:
            text = str(value)
            if text.isascii() and text.isprintable() and 0 < len(text) <= _MAX_REQUEST_ID_LENGTH:
                return text
    return new_id()
