"""A broker whose authority does not answer is not ready, and is again once it does."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from deskhold.channel import Endpoint, open_async
from tests.broker_service.pair import Pair

SERVING = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING


@pytest.mark.slow
async def test_a_broker_turns_not_ready_while_rbac_hangs_and_turns_back(pair: Pair) -> None:
    endpoint = Endpoint(pair.settings["DESKHOLD_BROKER_ADDRESS"], pair.home.ca_file)
    async with open_async(endpoint) as channel:
        stub: Any = health_pb2_grpc.HealthStub(channel)
        service = "deskhold.api.broker.v1.SessionService"
        watch = stub.Watch(health_pb2.HealthCheckRequest(service=service))

        async def until(wanted: Any) -> None:
            while (await watch.read()).status != wanted:
                pass

        await until(SERVING)
        with pair.authority_stopped():
            await asyncio.wait_for(until(NOT_SERVING), 60)
        await asyncio.wait_for(until(SERVING), 60)
