"""The standard health service, whose watches end with the server.

They have no end of their own: a client that watches would hold up every stop for the whole drain.
It answers whoever TLS admits, so that only short requests are decoded.
"""

from __future__ import annotations

import asyncio
from typing import Any, Final

import grpc
from google.protobuf.message import DecodeError
from grpc_health.v1 import health, health_pb2

_MAX_BYTES: Final = 1024
# A service that there is not: the answer to what is not decoded.
_NO_SERVICE: Final = "\N{REPLACEMENT CHARACTER}"


class Health(health.aio.HealthServicer):
    """Tells whether the server and its services serve."""

    def __init__(self) -> None:
        super().__init__()
        self._is_over = asyncio.Event()

    async def Watch(self, request: health_pb2.HealthCheckRequest, context: Any) -> None:
        """Tell each change until the client or `end_watches` ends it."""
        watching = asyncio.ensure_future(super().Watch(request, context))
        over = asyncio.ensure_future(self._is_over.wait())
        try:
            ended, _ = await asyncio.wait((watching, over), return_when=asyncio.FIRST_COMPLETED)
        finally:
            watching.cancel()
            over.cancel()
        if watching in ended:
            await watching

    def handlers(self) -> grpc.GenericRpcHandler:
        """Return the service as a server takes it."""
        api: Any = health_pb2  # its type stub lacks List
        servicer: Any = self
        methods: dict[str, grpc.RpcMethodHandler[Any, Any]] = {
            "Check": grpc.unary_unary_rpc_method_handler(
                self.Check,
                request_deserializer=_request,
                response_serializer=health_pb2.HealthCheckResponse.SerializeToString,
            ),
            "List": grpc.unary_unary_rpc_method_handler(
                servicer.List,
                request_deserializer=lambda _: api.HealthListRequest(),
                response_serializer=api.HealthListResponse.SerializeToString,
            ),
            "Watch": grpc.unary_stream_rpc_method_handler(
                self.Watch,
                request_deserializer=_request,
                response_serializer=health_pb2.HealthCheckResponse.SerializeToString,
            ),
        }
        return grpc.method_handlers_generic_handler(health.SERVICE_NAME, methods)

    def end_watches(self) -> None:
        """End all watches, and at once those that begin from now on."""
        self._is_over.set()


def _request(body: bytes) -> health_pb2.HealthCheckRequest:
    if len(body) <= _MAX_BYTES:
        try:
            return health_pb2.HealthCheckRequest.FromString(body)
        except DecodeError:
            pass
    return health_pb2.HealthCheckRequest(service=_NO_SERVICE)
