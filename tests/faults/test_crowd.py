"""More callers at once than the broker admits."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from itertools import cycle

import pytest
from grpc import RpcError, aio

from deskhold import channel, issuer, status
from deskhold.api.broker.v1.sessions_pb2 import ConnectRequest, ConnectResponse
from deskhold.channel import Endpoint
from tests.faults.trial import Trial
from tests.journeys.pair import OWNER

# The broker admits 2,000 (DESKHOLD_MAX_CONCURRENT).
_CALLERS = 3000
_REFUSED = 1000
_CONNECTIONS = 30
_CONNECT = "/deskhold.api.broker.v1.SessionService/Connect"


@pytest.fixture
def endpoint(trial: Trial) -> Endpoint:
    address = trial.pair.settings["DESKHOLD_BROKER_ADDRESS"]
    return Endpoint(address, trial.pair.home.ca_file, token=issuer.sign(trial.pair.issuer, OWNER))


@pytest.fixture
async def connections(endpoint: Endpoint) -> AsyncIterator[list[aio.Channel]]:
    async with AsyncExitStack() as stack:
        yield [
            await stack.enter_async_context(channel.open_async(endpoint))
            for _ in range(_CONNECTIONS)
        ]


async def test_of_3000_callers_2000_are_admitted_and_the_others_refused_at_once(
    trial: Trial, connections: list[aio.Channel], endpoint: Endpoint
) -> None:
    is_crowded = asyncio.Event()

    async def connect(connection: aio.Channel, request: ConnectRequest) -> ConnectResponse:
        """Call Connect as ever, but send the request only when it is crowded."""

        async def requests() -> AsyncIterator[ConnectRequest]:
            await is_crowded.wait()
            yield request

        call = connection.stream_unary(
            _CONNECT,
            request_serializer=ConnectRequest.SerializeToString,
            response_deserializer=ConnectResponse.FromString,
        )
        metadata = channel.call_metadata(endpoint, request.user)
        try:
            answer: ConnectResponse = await call(requests(), metadata=metadata)
        except RpcError as error:
            raise status.from_rpc_error(error) from error
        return answer

    async with trial.of("3,000 callers, 2,000 admitted") as load:
        async with trial.pair.client() as owner:
            await load.supply(owner, _CALLERS)
        users = [f"crowd.{number}@contoso.com" for number in range(_CALLERS)]
        callers = {
            asyncio.create_task(
                load.claim(
                    user, connect(connection, ConnectRequest(name=load.places.claims, user=user))
                )
            )
            for user, connection in zip(users, cycle(connections), strict=False)
        }
        refused: set[asyncio.Task[bool]] = set()
        waiting = callers
        while len(refused) < _REFUSED:
            done, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            refused |= done
        is_crowded.set()
        await asyncio.gather(*waiting)

    assert not any(one.result() for one in refused)
