"""The server of the gateway: one task a connection, from its first packet to its end.

It reads the first packet of a connection, asks the broker where the routing token in it leads,
connects there and forwards bytes both ways. It refuses connections without a good token, keeps
every connection within the bounds of `Bounds`, and never shows a token in its log. It does not read
RDP: TLS and sign-in are between client and host.
"""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import socket
from collections import Counter
from dataclasses import dataclass, field
from enum import Enum
from typing import TypeVar

from deskhold import errors
from deskhold.api.broker.v1.sessions_pb2 import ResolveRoutingTokenResponse
from deskhold.client import AsyncClient
from examples.gateway import x224
from examples.gateway.relay import CHUNK_BYTES, Direction, Peer, relay

logger = logging.getLogger("gateway")
Number = TypeVar("Number", int, float)


def _bound(default: Number, meaning: str) -> Number:
    value: Number = field(default=default, metadata={"meaning": meaning})
    return value


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """The upper bounds of a gateway; each is an option of the command line."""

    connections: int = _bound(400, "connections at once")
    connections_per_address: int = _bound(
        100, "connections at once from one client address (IPv6: one /64 network)"
    )
    first_packet_seconds: float = _bound(10.0, "until the first packet has arrived whole")
    broker_seconds: float = _bound(5.0, "until the broker answers")
    connect_seconds: float = _bound(5.0, "until the host accepts the connection")
    idle_seconds: float = _bound(14_400.0, "without a byte in either direction")
    # xrdp may leave a connection open whose client has closed, while it waits for its X server.
    half_closed_seconds: float = _bound(30.0, "the same after one side has closed")
    keepalive_seconds: float = _bound(60.0, "without a sign of life from a peer's TCP")
    grace_seconds: float = _bound(30.0, "for open connections after SIGTERM")


class Refusal(Enum):
    """Reasons to refuse a connection, in the words of the log."""

    CONNECTIONS = "too many connections"
    CONNECTIONS_PER_ADDRESS = "too many connections from this address"
    FIRST_PACKET_LATE = "first packet late"
    MALFORMED = "malformed packet"
    NO_TOKEN = "no token"  # noqa: S105 - a reason
    TOKEN_REFUSED = "token refused"  # noqa: S105 - a reason
    GATEWAY_DENIED = "gateway denied"
    BROKER_UNAVAILABLE = "broker unavailable"
    HOST_UNREACHABLE = "host unreachable"


class Refused(Exception):
    """A connection is refused.

    Args:
        refusal: Why.
        detail: More about it; without the token.
    """

    def __init__(self, refusal: Refusal, detail: str) -> None:
        super().__init__(f"{refusal.value}: {detail}")
        self.refusal = refusal


class _ClientLeft(Exception):
    """The client closed before it sent a byte, as a health check does; nothing was refused."""


class Gateway:
    """Serves connections, each in a task of its own.

    Args:
        broker: A client that may resolve routing tokens at the tenant.
        tenant: The tenant whose collections are served: `tenantGroups/G/tenants/T`.
        bounds: How many connections it serves, and how long it waits.
    """

    def __init__(self, broker: AsyncClient, tenant: str, bounds: Bounds) -> None:
        self._broker = broker
        self._tenant = tenant
        self._bounds = bounds
        self._tasks: set[asyncio.Task[None]] = set()
        self._by_address: Counter[str] = Counter()

    async def check(self) -> None:
        """Ask the broker once, so that an unusable credential is known before users come.

        Raises:
            Refused: The broker does not accept the gateway's token or role, or does not answer.
        """
        try:
            await self._resolve("none")
        except Refused as refused:
            if refused.refusal is not Refusal.TOKEN_REFUSED:
                raise

    async def listen(self, host: str, port: int) -> asyncio.Server:
        """Start to accept connections.

        Raises:
            OSError: It cannot listen at the address.
        """
        return await asyncio.start_server(self._accept, host, port, limit=CHUNK_BYTES, backlog=1024)

    @property
    def connections(self) -> int:
        """How many connections there are now."""
        return len(self._tasks)

    async def drain(self) -> None:
        """Let the connections end by themselves for the grace time, then close them."""
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=self._bounds.grace_seconds)
        self.close()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def close(self) -> None:
        """Close all connections."""
        for task in self._tasks:
            task.cancel()

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        client = Peer(reader, writer)
        peername = writer.get_extra_info("peername")
        if peername is None:  # reset before it was accepted
            client.close()
            return
        address = f"{peername[0]}:{peername[1]}"
        place = counted_as(peername[0])
        refusal = self._full(place)
        if refusal is not None:
            logger.warning("refused %s: %s", address, refusal.value)
            client.close()
            return
        self._by_address[place] += 1
        task = asyncio.create_task(self._serve(client, address))
        self._tasks.add(task)
        task.add_done_callback(lambda done: self._forget(done, place))

    def _full(self, place: str) -> Refusal | None:
        if len(self._tasks) >= self._bounds.connections:
            return Refusal.CONNECTIONS
        if self._by_address[place] >= self._bounds.connections_per_address:
            return Refusal.CONNECTIONS_PER_ADDRESS
        return None

    def _forget(self, task: asyncio.Task[None], place: str) -> None:
        self._tasks.discard(task)
        self._by_address[place] -= 1
        # Otherwise it grows by every address that ever connected.
        if not self._by_address[place]:
            del self._by_address[place]

    async def _serve(self, client: Peer, address: str) -> None:
        try:
            _keep_alive(client, self._bounds.keepalive_seconds)
            await self._conduct(client, address)
        except _ClientLeft:
            logger.debug("%s left before its first byte", address)
        except Refused as refused:
            logger.warning("refused %s: %s", address, refused)
        except OSError as error:
            logger.info("%s was lost: %s", address, error)
        except Exception:
            # The supervisor of a connection: a defect ends this connection and no other.
            logger.exception("defect at %s", address)
        finally:
            client.close()

    async def _conduct(self, client: Peer, address: str) -> None:
        request = await self._read_request(client.reader)
        try:
            if not request.token:
                raise Refused(Refusal.NO_TOKEN, "the first packet has no routing token")
            route = await self._resolve(request.token)
            host = await self._connect(route)
        except Refused:
            # A client that did not ask for a negotiation would not understand the answer.
            if request.negotiation:
                await client.send(x224.REFUSAL)
            raise
        try:
            await host.send(request.without_token())
            await self._forward(client, host, route=route, address=address)
        finally:
            host.close()

    async def _read_request(self, reader: asyncio.StreamReader) -> x224.ConnectionRequest:
        try:
            async with asyncio.timeout(self._bounds.first_packet_seconds):
                start = await reader.readexactly(x224.TPKT_BYTES)
                rest = x224.packet_length(start) - x224.TPKT_BYTES
                return x224.parse(start + await reader.readexactly(rest))
        except TimeoutError:
            seconds = self._bounds.first_packet_seconds
            raise Refused(Refusal.FIRST_PACKET_LATE, f"not whole after {seconds:g} s") from None
        except x224.Malformed as error:
            raise Refused(Refusal.MALFORMED, str(error)) from None
        except asyncio.IncompleteReadError as error:
            if not error.partial and error.expected == x224.TPKT_BYTES:
                raise _ClientLeft from None
            raise Refused(Refusal.MALFORMED, "the client closed within the packet") from None

    async def _resolve(self, token: str) -> ResolveRoutingTokenResponse:
        try:
            async with asyncio.timeout(self._bounds.broker_seconds):
                return await self._broker.resolve_routing_token(self._tenant, token)
        except TimeoutError:
            detail = f"no answer after {self._bounds.broker_seconds:g} s"
            raise Refused(Refusal.BROKER_UNAVAILABLE, detail) from None
        except errors.InvalidArgument as error:
            raise Refused(Refusal.TOKEN_REFUSED, error.reason) from error
        except (errors.Unauthenticated, errors.PermissionDenied) as error:
            # The gateway's own credential is at fault, and the message says how to repair it.
            raise Refused(Refusal.GATEWAY_DENIED, f"{error.reason}: {error.message}") from error
        except errors.DeskholdError as error:
            raise Refused(Refusal.BROKER_UNAVAILABLE, error.reason) from error

    async def _connect(self, route: ResolveRoutingTokenResponse) -> Peer:
        try:
            async with asyncio.timeout(self._bounds.connect_seconds):
                host = Peer(
                    *await asyncio.open_connection(route.address, route.port, limit=CHUNK_BYTES)
                )
        except TimeoutError:
            detail = f"{route.host} did not answer in {self._bounds.connect_seconds:g} s"
            raise Refused(Refusal.HOST_UNREACHABLE, detail) from None
        except (OSError, UnicodeError) as error:  # a name that is none in DNS is a UnicodeError
            raise Refused(Refusal.HOST_UNREACHABLE, f"{route.host}: {error}") from error
        _keep_alive(host, self._bounds.keepalive_seconds)
        return host

    async def _forward(
        self, client: Peer, host: Peer, *, route: ResolveRoutingTokenResponse, address: str
    ) -> None:
        to_host, to_client = Direction(client, host), Direction(host, client)
        ending = "closed by the gateway"
        logger.info("opened %s to %s for %r", address, route.host, route.user)
        try:
            ending = await relay(
                to_host,
                to_client,
                idle_seconds=self._bounds.idle_seconds,
                half_closed_seconds=self._bounds.half_closed_seconds,
            )
        finally:
            sent = f"{to_host.bytes_passed} bytes to the host, {to_client.bytes_passed} back"
            logger.info("closed %s: %s; %s", address, ending, sent)


def counted_as(address: str) -> str:
    """Return what counts as one client: an IPv4 address, or a /64 network, which a client has."""
    parsed = ipaddress.ip_address(address.partition("%")[0])
    if parsed.version == 4:
        return str(parsed)
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(ipaddress.ip_network((parsed, 64), strict=False))


def _keep_alive(peer: Peer, seconds: float) -> None:
    """Have TCP probe a silent peer, and end a connection that acknowledges nothing for so long."""
    connection = peer.writer.get_extra_info("socket")
    probe_seconds = max(1, round(seconds / 4))
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, probe_seconds)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, probe_seconds)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, round(seconds * 1000))
