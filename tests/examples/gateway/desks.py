"""A host that echoes, the way to it through the broker, and a gateway in front."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from itertools import count

from deskhold.api.broker.v1.hosts_pb2 import Host, NewHost
from deskhold.client import AsyncClient
from examples.gateway.server import Bounds, Gateway
from tests.examples.gateway.packets import asking, built
from tests.journeys.pair import TENANT

_numbers = count(1)
GREETING = built(bytes.fromhex("0100080003000000"))
Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class EchoHost:
    """A host on loopback that returns every byte, and ends its direction when the client did.

    Attributes:
        port: Where it listens.
        received: What each connection sent, in the order of their ends.
        open: How many connections there are.
        lost: Set when a connection was reset.
    """

    def __init__(self) -> None:
        self.port = 0
        self.received: list[bytes] = []
        self.open = 0
        self.lost = asyncio.Event()
        self._all_closed = asyncio.Condition()
        self._server: asyncio.Server

    async def start(self) -> None:
        """Listen at a free port."""
        self._server = await asyncio.start_server(self._echo, "127.0.0.1", 0, backlog=1024)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Stop to listen, and wait for the ends of all connections."""
        self._server.close()
        await self.all_closed()

    async def all_closed(self) -> None:
        """Wait until there is no connection."""
        async with self._all_closed:
            await self._all_closed.wait_for(lambda: not self.open)

    async def _echo(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.open += 1
        received = b""
        try:
            while chunk := await reader.read(65536):
                received += chunk
                writer.write(chunk)
                await writer.drain()
        except ConnectionError:
            self.lost.set()
        finally:
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()
            self.received.append(received)
            async with self._all_closed:
                self.open -= 1
                self._all_closed.notify_all()


@dataclass(frozen=True)
class Desk:
    """A user's desktop: a collection of one host, and the token that leads there."""

    collection: str
    user: str
    token: str


async def new_desk(admin: AsyncClient, port: int) -> Desk:
    """Return the desktop of a new user on a host of this machine."""
    number = next(_numbers)
    user = f"user{number}@contoso.com"
    name = f"{TENANT}/collections/desk{number}"
    await admin.create_collection(TENANT, f"desk{number}", type="personal")
    host = NewHost(host_id=f"pc-{number}", host=Host(address="127.0.0.1", port=port))
    await admin.add_hosts(name, [host])
    await admin.set_assignment(name, user=user, host_id=host.host_id)
    way_in = await admin.connect(name, user=user)
    return Desk(name, user, way_in.routing_token)


class Door:
    """A gateway in this process, and clients of it."""

    def __init__(self, gateway: Gateway) -> None:
        self.gateway = gateway
        self.port = 0
        self._server: asyncio.Server
        self._clients: list[asyncio.StreamWriter] = []

    @classmethod
    async def open(cls, broker: AsyncClient, bounds: Bounds) -> Door:
        """Return a gateway that listens at a free port."""
        door = cls(Gateway(broker, TENANT, bounds))
        door._server = await door.gateway.listen("127.0.0.1", 0)
        door.port = door._server.sockets[0].getsockname()[1]
        return door

    async def knock(self, data: bytes = b"", *, source: str = "127.0.0.1") -> Connection:
        """Return a client's connection that has sent something."""
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", self.port, local_addr=(source, 0)
        )
        self._clients.append(writer)
        writer.write(data)
        return reader, writer

    async def enter(self, token: str, form: str = "{}\r\n", **chosen: str) -> Connection:
        """Return a client's connection that has reached the host, whose greeting was read."""
        connection = await self.knock(asking(token, form), **chosen)
        assert await connection[0].readexactly(len(GREETING)) == GREETING
        return connection

    async def close(self) -> None:
        """Close the clients, then the gateway; nothing of it is left."""
        for writer in self._clients:
            writer.close()
        self._server.close()
        await self.gateway.drain()
        assert self.gateway.connections == 0


async def answer(connection: Connection) -> bytes:
    """Return all that a client still receives."""
    try:
        return await connection[0].read()
    except ConnectionResetError:
        return b""


def address_of(connection: Connection) -> str:
    """Return a client's address as the gateway sees it."""
    host, port = connection[1].get_extra_info("sockname")
    return f"{host}:{port}"
