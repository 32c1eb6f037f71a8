"""Waiting for a service to say that it serves."""

from __future__ import annotations

import asyncio
from typing import Any

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from deskhold.errors import Unavailable

# gRPC waits a second before its second try to connect; a service on this machine is up in less.
_RETRY_MS = 100
_OPTIONS = (
    ("grpc.initial_reconnect_backoff_ms", _RETRY_MS),
    ("grpc.min_reconnect_backoff_ms", _RETRY_MS),
    ("grpc.max_reconnect_backoff_ms", _RETRY_MS),
    # What is asked for is this machine, whatever http_proxy says.
    ("grpc.enable_http_proxy", 0),
)


async def until_serving(address: str, ca_pem: bytes) -> None:
    """Return once the server at an address reports SERVING; waits for as long as that takes.

    Args:
        address: `host:port` of a server that answers `grpc.health.v1.Health/Check` over TLS.
        ca_pem: The authority that must have signed the server's certificate.

    Raises:
        Unavailable: The server answers, but does not tell its health.
    """
    credentials = grpc.ssl_channel_credentials(ca_pem)
    async with grpc.aio.secure_channel(address, credentials, options=_OPTIONS) as channel:
        stub: Any = health_pb2_grpc.HealthStub(channel)  # its type stub has no methods
        while True:
            try:
                answer = await stub.Check(health_pb2.HealthCheckRequest(), wait_for_ready=True)
            except grpc.aio.AioRpcError as error:
                # Connected and lost again: its end, if it was that, is seen by whoever started it.
                if error.code() is not grpc.StatusCode.UNAVAILABLE:
                    raise _untold(address, error) from error
            else:
                if answer.status == health_pb2.HealthCheckResponse.SERVING:
                    return
            await asyncio.sleep(_RETRY_MS / 1000)


def _untold(address: str, error: grpc.aio.AioRpcError) -> Unavailable:
    return Unavailable(
        f"the server at {address} does not tell its health: {error.code().name} {error.details()}",
        reason="HEALTH_UNKNOWN",
        metadata={"address": address},
    )
