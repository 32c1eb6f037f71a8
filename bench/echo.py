"""The floor: two echo servers that do nothing (`python -m bench.echo back|front HOME PORT ...`).

The client reaches the front over TLS, with the deadline and the bearer token of a claim; the front
passes every message on to the back over mutual TLS, with a deadline as the broker's. Same gRPC,
same event loop and same certificates as the pair, without any of its layers.
"""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import grpc
import uvloop
from google.protobuf.wrappers_pb2 import BytesValue

from bench.processes import Server, free_ports
from deskhold import tls
from deskhold.embedded.paths import Home

METHOD = "/deskhold.bench.Echo/Echo"
_MESSAGE_BYTES = 200
_ENVELOPE_BYTES = 3
_TIMEOUT_SECONDS = 2.0
Echo = Callable[[BytesValue, Any], Awaitable[BytesValue]]


def message() -> bytes:
    """Return the message that is sent around, serialized."""
    return BytesValue(value=bytes(_MESSAGE_BYTES - _ENVELOPE_BYTES)).SerializeToString()


def start(stack: ExitStack, home: Home) -> tuple[str, list[Server]]:
    """Start both servers with the certificates of a home; return the front's address and them."""
    ports = free_ports(2)
    back, front = ports, ports + 1
    servers = []
    for arguments in (("back", str(back)), ("front", str(front), str(back))):
        server = Server(
            "bench.echo",
            *arguments,
            str(home.path),
            port=int(arguments[1]),
            log=home.path / f"echo-{arguments[0]}.log",
        )
        servers.append(stack.enter_context(server))
    return f"localhost:{front}", servers


def start_back(stack: ExitStack, home: Home) -> tuple[str, Server]:
    """Start only what a service would ask, over mutual TLS; return its address and itself."""
    port = free_ports(1)
    log = home.path / "echo-back.log"
    server = Server("bench.echo", "back", str(port), str(home.path), port=port, log=log)
    return f"localhost:{port}", stack.enter_context(server)


async def _serve_back(home: Home, port: int) -> None:
    async def echo(request: BytesValue, _: Any) -> BytesValue:
        return request

    await _serve(
        echo,
        port,
        tls.server_credentials(
            home.tls_file("rbac"), home.tls_key_file("rbac"), client_ca_file=home.ca_file
        ),
    )


async def _serve_front(home: Home, port: int, back: int) -> None:
    cert_file, key_file = home.tls_file("broker"), home.tls_key_file("broker")
    credentials = tls.client_credentials(home.ca_file, cert_file=cert_file, key_file=key_file)
    async with grpc.aio.secure_channel(f"localhost:{back}", credentials) as channel:
        ask: Any = channel.unary_unary(
            METHOD,
            request_serializer=BytesValue.SerializeToString,
            response_deserializer=BytesValue.FromString,
        )

        async def echo(request: BytesValue, _: Any) -> BytesValue:
            # gRPC has no types.
            return await ask(request, timeout=_TIMEOUT_SECONDS)  # type: ignore[no-any-return]

        await _serve(echo, port, tls.server_credentials(cert_file, key_file))


async def _serve(echo: Echo, port: int, credentials: grpc.ServerCredentials) -> None:
    server = grpc.aio.server(options=(("grpc.so_reuseport", 0),))
    service, _, method = METHOD[1:].partition("/")
    handler = grpc.unary_unary_rpc_method_handler(
        echo,
        request_deserializer=BytesValue.FromString,
        response_serializer=BytesValue.SerializeToString,
    )
    server.add_generic_rpc_handlers(
        (grpc.method_handlers_generic_handler(service, {method: handler}),)
    )
    server.add_secure_port(f"127.0.0.1:{port}", credentials)
    told = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, told.set)
    await server.start()
    await told.wait()
    await server.stop(1)


if __name__ == "__main__":
    role, *ports, path = sys.argv[1:]
    if role == "back":
        uvloop.run(_serve_back(Home(Path(path)), *map(int, ports)))
    else:
        uvloop.run(_serve_front(Home(Path(path)), *map(int, ports)))
