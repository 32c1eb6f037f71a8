"""Calls RPCs by their requests: every request message belongs to exactly one RPC."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import grpc
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from grpc import aio

from deskhold import status
from deskhold.api.rbac.v1 import (
    access_pb2,
    role_assignments_pb2,
    role_definitions_pb2,
    scopes_pb2,
)

FILES: tuple[Any, ...] = (access_pb2, role_assignments_pb2, role_definitions_pb2, scopes_pb2)

Metadata = Sequence[tuple[str, str]]


@dataclass(frozen=True)
class Rpc:
    """Where a request goes and what comes back."""

    path: str
    reply_type: type[Message]


RPCS = {
    method.input_type.full_name: Rpc(
        f"/{service.full_name}/{method.name}", GetMessageClass(method.output_type)
    )
    for file in FILES
    for service in file.DESCRIPTOR.services_by_name.values()
    for method in service.methods
}


def call(
    channel: grpc.Channel, request: Message, *, metadata: Metadata, timeout: float | None = None
) -> Any:
    """Send a request to its RPC and return the reply; raise `deskhold.errors` when it fails."""
    rpc = RPCS[request.DESCRIPTOR.full_name]
    method: Any = channel.unary_unary(
        rpc.path,
        request_serializer=lambda message: message.SerializeToString(),
        response_deserializer=rpc.reply_type.FromString,
    )
    try:
        return method(request, metadata=metadata, timeout=timeout)
    except grpc.RpcError as error:
        raise status.from_rpc_error(error) from error


def begin(
    channel: aio.Channel, request: Message, *, metadata: Metadata, timeout: float | None = None
) -> Any:
    """Send a request to its RPC and return the call as gRPC has it, to be awaited."""
    rpc = RPCS[request.DESCRIPTOR.full_name]
    method: Any = channel.unary_unary(
        rpc.path,
        request_serializer=lambda message: message.SerializeToString(),
        response_deserializer=rpc.reply_type.FromString,
    )
    return method(request, metadata=metadata, timeout=timeout)
