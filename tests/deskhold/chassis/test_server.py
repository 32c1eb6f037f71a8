from __future__ import annotations

import asyncio
import os
import signal
import uuid
from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest
from grpc import aio
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from deskhold.api.rbac.v1.scopes_pb2 import ListScopesRequest, ListScopesResponse
from deskhold.chassis import server
from deskhold.chassis.settings import SettingsError
from deskhold.embedded.paths import Home
from deskhold.errors import ResourceExhausted, Unavailable
from tests.deskhold.chassis.carrier import Carrier, Holding, echo

REQUEST = ListScopesRequest(parent="/")
SERVICE = "deskhold.api.rbac.v1.ScopeService"
SERVING = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING


@pytest.fixture
async def own(laid: Home) -> AsyncIterator[Carrier]:
    """A server that the test starts, and may stop."""
    made = Carrier(laid)
    yield made
    await made.close()


def health_of(channel: aio.Channel) -> Any:
    return health_pb2_grpc.HealthStub(channel)


async def watched(channel: aio.Channel, service: str) -> Any:
    """Return a watch of health that has begun."""
    watch = health_of(channel).Watch(health_pb2.HealthCheckRequest(service=service))
    first = await watch.read()
    assert first.status == SERVING
    return watch


@pytest.mark.parametrize("service", ["", SERVICE])
async def test_a_server_that_drains_says_so_before_it_refuses(own: Carrier, service: str) -> None:
    await own.server.start()
    watch = await watched(own.channel, service)

    stopping = asyncio.create_task(own.server.stop())
    said = await watch.read()
    answer = await own.call(REQUEST)  # during the beat in which balancers notice

    assert said.status == NOT_SERVING
    assert answer == ListScopesResponse()
    watch.cancel()
    await stopping


async def test_a_watch_of_health_ends_with_the_server_and_does_not_hold_it_up(own: Carrier) -> None:
    await own.server.start()
    watch = await watched(own.channel, "")

    stopping = asyncio.create_task(own.server.stop())
    said, end = await watch.read(), await watch.read()

    assert (said.status, end) == (NOT_SERVING, aio.EOF)
    # Who outlasts the drain is cancelled.
    assert await watch.code() is grpc.StatusCode.OK
    await stopping


async def test_health_needs_no_credential(own: Carrier) -> None:
    await own.server.start()

    said = await health_of(own.channel).Check(health_pb2.HealthCheckRequest(service=SERVICE))

    assert said.status == SERVING


async def test_a_call_in_flight_is_answered_while_the_server_drains(own: Carrier) -> None:
    own.behave = holding = Holding()
    await own.server.start()
    in_flight = asyncio.create_task(own.call(REQUEST))
    await holding.began.wait()

    stopping = asyncio.create_task(own.server.stop())
    # The server has said goodbye: it takes no new calls on this connection.
    await own.channel.wait_for_state_change(grpc.ChannelConnectivity.READY)
    holding.released.set()

    assert await in_flight == ListScopesResponse()
    await stopping


async def test_a_call_that_outlasts_the_drain_is_ended(laid: Home) -> None:
    hasty = Carrier(laid, drain_seconds=0.05)
    hasty.behave = holding = Holding()
    await hasty.server.start()
    in_flight = asyncio.create_task(hasty.call(REQUEST))
    await holding.began.wait()

    await hasty.server.stop()

    await holding.cancelled.wait()
    with pytest.raises(Unavailable):
        await in_flight
    await hasty.close()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_server_stops_when_it_is_told_to(own: Carrier, number: signal.Signals) -> None:
    serving = asyncio.create_task(own.server.serve_until_told())
    await health_of(own.channel).Check(health_pb2.HealthCheckRequest(), wait_for_ready=True)

    os.kill(os.getpid(), number)

    await serving
    assert [line["event"] for line in own.lines] == ["serving", "drained"]


async def test_a_port_that_is_taken_fails_the_start(own: Carrier) -> None:
    await own.server.start()
    second = own.make_server()

    try:
        with pytest.raises(SettingsError, match=own.settings.listen):
            await second.start()
    finally:
        await second.stop()


async def test_more_calls_at_once_than_set_are_refused(laid: Home) -> None:
    narrow = Carrier(laid, max_concurrent=1)
    narrow.behave = holding = Holding()
    await narrow.server.start()
    first = asyncio.create_task(narrow.call(REQUEST))
    await holding.began.wait()

    with pytest.raises(ResourceExhausted):
        await narrow.call(REQUEST)

    holding.released.set()
    assert await first == ListScopesResponse()
    await narrow.close()


def services_shown(carrier: Carrier) -> Any:
    channel: Any = carrier.channel
    stub: Any = reflection_pb2_grpc.ServerReflectionStub(channel)
    return stub.ServerReflectionInfo(
        iter([reflection_pb2.ServerReflectionRequest(list_services="")])
    )


async def test_a_server_describes_itself_only_when_set_to(laid: Home, own: Carrier) -> None:
    open_one = Carrier(laid, reflection=True)
    await open_one.server.start()
    await own.server.start()

    shown = await services_shown(open_one).read()
    with pytest.raises(aio.AioRpcError) as refused:
        await services_shown(own).read()

    assert SERVICE in [one.name for one in shown.list_services_response.service]
    assert refused.value.code().name == "UNIMPLEMENTED"
    await open_one.close()


async def test_metadata_beyond_its_bound_is_refused_and_the_connection_lives(own: Carrier) -> None:
    await own.server.start()
    alice = ("authorization", f"Bearer {own.tokens.of()}")

    with pytest.raises(ResourceExhausted):
        await own.call(REQUEST, metadata=(alice, ("x-padding", "x" * 100_000)))

    assert await own.call(REQUEST) == ListScopesResponse()


async def test_a_token_with_as_many_groups_as_there_may_be_is_within_the_bound(
    own: Carrier,
) -> None:
    await own.server.start()
    token = own.tokens.of(groups=[str(uuid.uuid4()) for _ in range(256)])
    assert len(token) > 13_000

    alice = (("authorization", f"Bearer {token}"),)
    assert await own.call(REQUEST, metadata=alice) == ListScopesResponse()


async def test_one_connection_has_no_more_calls_at_once_than_it_may(
    laid: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "_MAX_STREAMS", 3)
    narrow = Carrier(laid)
    begun: list[Any] = []
    three, released = asyncio.Event(), asyncio.Event()

    async def hold(request: Any) -> Any:
        begun.append(request)
        if len(begun) == 3:
            three.set()
        await released.wait()
        return await echo(request)

    await narrow.server.start()
    await narrow.call(REQUEST)  # which tells the client of the bound
    narrow.behave = hold
    calls = [asyncio.ensure_future(narrow.call(REQUEST)) for _ in range(5)]
    await three.wait()
    await asyncio.sleep(0.2)  # for more, if there were more
    at_once = len(begun)
    released.set()

    assert at_once == 3
    # One more that reaches the server while another ends is refused before it begins.
    ends = await asyncio.gather(*calls, return_exceptions=True)
    assert {type(one) for one in ends} <= {ListScopesResponse, Unavailable}
    assert len([one for one in ends if isinstance(one, ListScopesResponse)]) >= 3
    await narrow.close()
