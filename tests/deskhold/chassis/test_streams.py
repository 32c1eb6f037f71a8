"""Methods that answer with a stream pass the same layers as the others."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

import grpc
import pytest
import structlog
from google.protobuf.message import Message
from prometheus_client import CollectorRegistry

from deskhold.api.rbac.v1 import watch_pb2 as pb
from deskhold.api.rbac.v1 import watch_pb2_grpc
from deskhold.chassis import access, authn, deadlines, decoding, faults, layers, validation
from deskhold.chassis.access import Need
from deskhold.chassis.calls import Call, Caller, Grant, Handler, Layer, Method, current
from deskhold.chassis.telemetry import Telemetry
from deskhold.errors import Aborted, DeskholdError, PermissionDenied, Unauthenticated
from deskhold.identities import Principal, PrincipalKind
from deskhold.status import from_rpc_error

ALICE = Caller(Principal(PrincipalKind.USER, "alice@contoso.com"), "user:alice@contoso.com")

Watch = Callable[[pb.WatchRequest], AsyncIterator[pb.WatchResponse]]


class Servicer(watch_pb2_grpc.WatchServiceServicer):
    def __init__(self, watch: Watch) -> None:
        self._watch = watch

    async def Watch(self, request: Any, context: Any) -> AsyncIterator[pb.WatchResponse]:
        async for response in self._watch(request):
            yield response


class Credentials:
    def authenticate(self, call: Call) -> Caller:
        if dict(call.metadata).get("authorization") != "alice":
            raise Unauthenticated("nobody")
        return ALICE


class Authorizer:
    def __init__(self, *, allows: bool) -> None:
        self._allows = allows

    async def authorize(self, caller: Caller, needs: Sequence[Need], call: Call) -> Grant:
        if not self._allows:
            raise PermissionDenied("not you")
        return Grant("d-1")


class World:
    """A server with one stream behind all layers."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.telemetry = Telemetry(structlog.get_logger(), self.registry)
        self.order: list[str] = []
        self.stub: Any = None

    def watch(self, after: int = 0, who: str = "alice") -> Any:
        return self.stub.Watch(
            pb.WatchRequest(after_revision=after), metadata=[("authorization", who)]
        )

    def handled(self, code: str) -> float | None:
        self.telemetry.flush()
        labels = {
            "grpc_service": "deskhold.api.rbac.v1.WatchService",
            "grpc_method": "Watch",
            "grpc_code": code,
        }
        return self.registry.get_sample_value("grpc_server_handled_total", labels)

    def spy(self, name: str, inner: Layer) -> Layer:
        def wrap(method: Method, handler: Handler) -> Handler:
            wrapped = inner(method, handler)

            async def noted(request: Message, call: Call) -> Message:
                self.order.append(name)
                return await wrapped(request, call)

            return noted

        return wrap


@asynccontextmanager
async def world(
    watch: Watch, *, allows: bool = True, max_seconds: float = 60.0, max_age: float = 60.0
) -> AsyncIterator[World]:
    made = World()
    logger = structlog.get_logger()
    recorder = layers.Recorder()
    watch_pb2_grpc.add_WatchServiceServicer_to_server(Servicer(watch), recorder)  # type: ignore[arg-type]
    table: dict[str, access.Row] = {"WatchService/Watch": lambda _, __: (Need("read", "/"),)}
    stack = {
        "telemetry": made.telemetry.layer,
        "faults": faults.layer(logger),
        "deadlines": deadlines.layer(lambda: deadlines.Longest(max_seconds, max_age)),
        "authn": authn.layer(Credentials()),
        "decoding": decoding.layer,
        "access": access.layer(table, Authorizer(allows=allows)),
        "validation": validation.layer,
    }
    server = grpc.aio.server()
    server.add_generic_rpc_handlers(
        layers.wrap(
            recorder,
            {"deskhold.api.rbac.v1.WatchService/Watch": pb.WatchRequest},
            [made.spy(name, layer) for name, layer in stack.items()],
        )
    )
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        made.stub = watch_pb2_grpc.WatchServiceStub(channel)
        yield made
    await server.stop(None)


async def three(request: pb.WatchRequest) -> AsyncIterator[pb.WatchResponse]:
    for number in range(1, 4):
        yield checkpoint(request.after_revision + number)


def checkpoint(revision: int) -> pb.WatchResponse:
    return pb.WatchResponse(checkpoint=pb.Checkpoint(revision=revision))


async def refusal(call: Awaitable[Any]) -> DeskholdError:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    return from_rpc_error(caught.value)


async def test_a_stream_passes_every_layer_in_order_and_ends_with_ok() -> None:
    async with world(three) as one:
        call = one.watch(after=4)
        assert [answer.checkpoint.revision async for answer in call] == [5, 6, 7]
        assert await call.code() is grpc.StatusCode.OK
    assert one.order == [
        "telemetry",
        "faults",
        "deadlines",
        "authn",
        "decoding",
        "access",
        "validation",
    ]
    assert one.handled("OK") == 1


async def test_a_stranger_gets_no_stream() -> None:
    async with world(three) as one:
        assert isinstance(await refusal(one.watch(who="mallory").read()), Unauthenticated)
    assert one.order[-1] == "authn"


async def test_a_caller_who_may_not_gets_no_stream_and_learns_no_rules() -> None:
    async with world(three, allows=False) as one:
        assert isinstance(await refusal(one.watch(after=-1).read()), PermissionDenied)


async def test_a_request_that_breaks_a_rule_gets_no_stream() -> None:
    async with world(three) as one:
        assert (await refusal(one.watch(after=-1).read())).metadata == {"field": "after_revision"}


async def test_what_a_stream_raises_midway_arrives_with_its_reason() -> None:
    async def broken(_: pb.WatchRequest) -> AsyncIterator[pb.WatchResponse]:
        yield checkpoint(1)
        raise Aborted("too slow", reason="SLOW_READER")

    async with world(broken) as one:
        call = one.watch()
        await call.read()
        assert (await refusal(call.read())).reason == "SLOW_READER"
    assert one.handled("ABORTED") == 1


async def test_a_servicer_that_times_out_midway_is_a_defect_and_no_end() -> None:
    async def watch(request: pb.WatchRequest) -> AsyncIterator[pb.WatchResponse]:
        yield checkpoint(1)
        raise TimeoutError("a socket of the servicer")

    async with world(watch) as made:
        call = made.watch()
        assert (await call.read()).checkpoint.revision == 1
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await call.read()
        assert caught.value.code() is grpc.StatusCode.INTERNAL
        assert made.handled("INTERNAL") == 1.0


async def test_a_stream_outlives_the_time_of_other_calls_and_ends_cleanly_at_its_own_age() -> None:
    async def endless(_: pb.WatchRequest) -> AsyncIterator[pb.WatchResponse]:
        yield checkpoint(1)
        await asyncio.Event().wait()

    async with world(endless, max_seconds=0.001, max_age=0.2) as one:
        call = one.watch()
        assert [answer.checkpoint.revision async for answer in call] == [1]
        assert await call.code() is grpc.StatusCode.OK


async def test_a_reader_that_leaves_closes_what_the_stream_holds() -> None:
    closed = asyncio.Event()

    async def held(_: pb.WatchRequest) -> AsyncIterator[pb.WatchResponse]:
        assert current().authenticated is ALICE
        try:
            yield checkpoint(1)
            await asyncio.Event().wait()
        finally:
            closed.set()

    async with world(held) as one:
        call = one.watch()
        await call.read()
        call.cancel()
        await asyncio.wait_for(closed.wait(), 10)


async def test_a_reader_that_does_not_read_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(layers, "WRITE_SECONDS", 0.2)
    closed = asyncio.Event()
    entry = pb.WatchResponse()
    entry.entry.actor = "x" * 1_000_000

    async def flood(_: pb.WatchRequest) -> AsyncIterator[pb.WatchResponse]:
        try:
            while True:
                yield entry
        finally:
            closed.set()

    async with world(flood) as one:
        call = one.watch()
        await call.read()
        await asyncio.wait_for(closed.wait(), 10)

        async def rest() -> None:
            while await call.read() is not grpc.aio.EOF:
                pass

        assert (await refusal(rest())).reason == "SLOW_READER"


def test_a_method_that_takes_a_stream_is_refused_at_start() -> None:
    recorder = layers.Recorder()
    handler: Any = grpc.stream_stream_rpc_method_handler(lambda _, __: None)
    recorder.services = {"a.B": {"C": handler}}
    with pytest.raises(ValueError, match="takes a stream"):
        layers.wrap(recorder, {"a.B/C": pb.WatchRequest}, ())
