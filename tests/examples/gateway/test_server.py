"""The gateway between real clients' sockets, a real broker and a real TCP host."""

from __future__ import annotations

import asyncio
import os
import socket
import struct
from signal import SIGKILL

import pytest

from deskhold.channel import Endpoint
from deskhold.client import AsyncClient
from examples.gateway.server import counted_as
from examples.gateway.x224 import REFUSAL
from tests.examples.gateway.conftest import GATEWAY, OpenDoor
from tests.examples.gateway.desks import (
    GREETING,
    Connection,
    Desk,
    Door,
    EchoHost,
    address_of,
    answer,
    new_desk,
)
from tests.examples.gateway.packets import asking, built
from tests.journeys.pair import Pair

FORMS = ["{}\r\n", "{} \r\n", "Cookie: msts={}\r\n"]


@pytest.fixture(autouse=True)
def _logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", logger="gateway")


async def assert_refused(
    caplog: pytest.LogCaptureFixture, connection: Connection, reason: str, *, with_answer: bool
) -> None:
    """Assert that a connection ends, with one line in the log."""
    assert await answer(connection) == (REFUSAL if with_answer else b"")
    lines = [line for line in caplog.messages if address_of(connection) in line]
    assert len(lines) == 1
    assert lines[0].startswith(f"refused {address_of(connection)}: {reason}")


@pytest.mark.parametrize("form", FORMS)
async def test_bytes_go_both_ways_and_the_host_does_not_receive_the_token(
    open_door: OpenDoor, desk: Desk, host: EchoHost, form: str, caplog: pytest.LogCaptureFixture
) -> None:
    door = await open_door()
    reader, writer = await door.enter(desk.token, form)
    sent = os.urandom(4_000_000)

    writer.write(sent)
    assert await reader.readexactly(len(sent)) == sent
    writer.close()
    await host.all_closed()

    assert host.received == [GREETING + sent]
    assert desk.token not in caplog.text


async def test_a_connection_is_logged_with_host_user_and_bytes(
    open_door: OpenDoor, desk: Desk, host: EchoHost, caplog: pytest.LogCaptureFixture
) -> None:
    connection = await (await open_door()).enter(desk.token)
    connection[1].write(b"12345")
    connection[1].write_eof()
    assert await answer(connection) == b"12345"
    await host.all_closed()

    opened, closed = (line for line in caplog.messages if address_of(connection) in line)
    assert f"{desk.collection}/hosts/" in opened
    assert repr(desk.user) in opened
    assert "5 bytes to the host, 24 back" in closed


async def test_a_client_that_ends_its_direction_still_receives_what_the_host_sends(
    open_door: OpenDoor, desk: Desk
) -> None:
    connection = await (await open_door()).enter(desk.token)
    sent = os.urandom(1_000_000)

    connection[1].write(sent)
    connection[1].write_eof()

    assert await answer(connection) == sent


@pytest.mark.parametrize("line", [b"", b"\r\n", b"Cookie: mstshash=alice\r\n"])
async def test_without_a_token_a_client_is_refused(
    open_door: OpenDoor, line: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    door = await open_door()

    negotiating = await door.knock(built(line + bytes.fromhex("0100080003000000")))
    old = await door.knock(built(line))

    await assert_refused(caplog, negotiating, "no token", with_answer=True)
    await assert_refused(caplog, old, "no token", with_answer=False)


@pytest.mark.parametrize("data", [b"GET / HTTP/1.1\r\n\r\n", b"\x03\0\xff\xff", built(b"no end")])
async def test_a_malformed_packet_is_refused(
    open_door: OpenDoor, data: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    connection = await (await open_door()).knock(data)

    await assert_refused(caplog, connection, "malformed packet", with_answer=False)


async def test_a_client_that_closes_within_the_packet_is_refused(
    open_door: OpenDoor, caplog: pytest.LogCaptureFixture
) -> None:
    connection = await (await open_door()).knock(GREETING[:9])
    connection[1].write_eof()

    await assert_refused(caplog, connection, "malformed packet", with_answer=False)


async def test_a_health_check_is_no_refusal(
    open_door: OpenDoor, caplog: pytest.LogCaptureFixture
) -> None:
    connection = await (await open_door()).knock()
    connection[1].write_eof()

    assert await answer(connection) == b""
    assert caplog.messages == []


async def test_a_token_that_the_broker_did_not_issue_is_refused(
    open_door: OpenDoor, desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    door = await open_door()
    forged = desk.token[:-6] + ("AAAAAA" if not desk.token.endswith("AAAAAA") else "BBBBBB")

    for token in ("x", "tsv://MS Terminal Services Plugin.1.Pool", forged):
        connection = await door.knock(asking(token))
        await assert_refused(
            caplog, connection, "token refused: ROUTING_TOKEN_INVALID", with_answer=True
        )
    assert forged not in caplog.text


async def test_after_the_users_assignment_was_removed_the_token_is_refused(
    open_door: OpenDoor, desk: Desk, admin: AsyncClient, caplog: pytest.LogCaptureFixture
) -> None:
    door = await open_door()
    await door.enter(desk.token)
    await admin.remove_assignment(desk.collection, user=desk.user)

    connection = await door.knock(asking(desk.token))

    await assert_refused(caplog, connection, "token refused", with_answer=True)


async def test_a_gateway_without_the_role_is_denied_with_words(
    open_door: OpenDoor, desk: Desk, pair: Pair, caplog: pytest.LogCaptureFixture
) -> None:
    async with pair.client("stranger@contoso.com") as stranger:
        door = await open_door(broker=stranger)

        connection = await door.knock(asking(desk.token))

        await assert_refused(caplog, connection, "gateway denied: ACTION_DENIED", with_answer=True)
    assert "deskhold.resources/gateways/resolve/action" in caplog.text


async def test_while_the_broker_is_away_clients_are_refused_and_open_connections_go_on(
    open_door: OpenDoor, desk: Desk, pair: Pair, caplog: pytest.LogCaptureFixture
) -> None:
    door = await open_door()
    reader, writer = await door.enter(desk.token)
    pair.end("broker", SIGKILL)
    pair.end_of("broker")

    connection = await door.knock(asking(desk.token))
    await assert_refused(caplog, connection, "broker unavailable", with_answer=True)
    writer.write(b"still here")
    assert await reader.readexactly(10) == b"still here"

    pair.start_alone("broker")
    # The channel to the broker waits up to two seconds before it connects again.
    while await first_answer(door, desk) == REFUSAL:
        pass
    assert await first_answer(door, desk) == GREETING


async def first_answer(door: Door, desk: Desk) -> bytes:
    """Return the first answer to a new connection: of the host, or the gateway's refusal."""
    reader, _ = await door.knock(asking(desk.token))
    return await reader.readexactly(len(REFUSAL))


async def test_a_broker_that_does_not_answer_in_time_is_unavailable(
    open_door: OpenDoor, pair: Pair, caplog: pytest.LogCaptureFixture
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"127.0.0.1:{silent.getsockname()[1]}"
        async with AsyncClient(broker=Endpoint(address, pair.home.ca_file)) as client:
            door = await open_door(broker=client, broker_seconds=0.1)

            connection = await door.knock(asking("x"))

            await assert_refused(
                caplog, connection, "broker unavailable: no answer after 0.1 s", with_answer=True
            )


async def test_a_defect_ends_its_connection_and_no_other(
    open_door: OpenDoor, desk: Desk, pair: Pair, caplog: pytest.LogCaptureFixture
) -> None:
    fails = True

    def token() -> str:
        if fails:
            raise ZeroDivisionError
        return pair.token_file(GATEWAY).read_text().strip()

    endpoint = Endpoint(pair.settings["DESKHOLD_BROKER_ADDRESS"], pair.home.ca_file, token=token)
    async with AsyncClient(broker=endpoint) as client:
        door = await open_door(broker=client)
        connection = await door.knock(asking(desk.token))
        assert await answer(connection) == b""
        assert f"defect at {address_of(connection)}" in caplog.text

        fails = False
        await door.enter(desk.token)


async def test_a_host_where_nothing_listens_is_unreachable(
    open_door: OpenDoor, admin: AsyncClient, caplog: pytest.LogCaptureFixture
) -> None:
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))
        desk = await new_desk(admin, reserved.getsockname()[1])

        connection = await (await open_door()).knock(asking(desk.token))

        await assert_refused(caplog, connection, "host unreachable", with_answer=True)


async def test_a_host_that_does_not_accept_in_time_is_unreachable(
    open_door: OpenDoor, admin: AsyncClient, caplog: pytest.LogCaptureFixture
) -> None:
    with socket.socket() as busy, socket.socket() as waiting:
        busy.bind(("127.0.0.1", 0))
        busy.listen(0)
        waiting.connect(busy.getsockname())  # takes the one place of the queue
        desk = await new_desk(admin, busy.getsockname()[1])
        door = await open_door(connect_seconds=0.1)

        connection = await door.knock(asking(desk.token))

        await assert_refused(caplog, connection, "host unreachable", with_answer=True)
    assert "did not answer in 0.1 s" in caplog.text


async def test_a_client_that_is_slow_with_its_first_packet_is_refused(
    open_door: OpenDoor, caplog: pytest.LogCaptureFixture
) -> None:
    door = await open_door(first_packet_seconds=0.1)
    packet = asking("dh2.abc")

    for length in (0, 1, 4, len(packet) - 1):
        connection = await door.knock(packet[:length])
        await assert_refused(caplog, connection, "first packet late", with_answer=False)


async def test_a_packet_that_arrives_byte_by_byte_is_read(open_door: OpenDoor, desk: Desk) -> None:
    reader, writer = await (await open_door()).knock()

    for byte in asking(desk.token):
        writer.write(bytes((byte,)))
        await asyncio.sleep(0)

    assert await reader.readexactly(len(GREETING)) == GREETING


async def test_no_more_connections_than_the_bound_are_served(
    open_door: OpenDoor, desk: Desk, host: EchoHost, caplog: pytest.LogCaptureFixture
) -> None:
    door = await open_door(connections=2)
    first = await door.enter(desk.token)
    await door.enter(desk.token, source="127.0.0.2")

    third = await door.knock(asking(desk.token))
    await assert_refused(caplog, third, "too many connections", with_answer=False)

    await leave(first)
    await door.enter(desk.token)


async def test_no_more_connections_of_an_address_than_the_bound_are_served(
    open_door: OpenDoor, desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    door = await open_door(connections_per_address=1)
    first = await door.enter(desk.token)

    second = await door.knock(asking(desk.token))
    await assert_refused(
        caplog, second, "too many connections from this address", with_answer=False
    )
    await door.enter(desk.token, source="127.0.0.2")

    await leave(first)
    await door.enter(desk.token)


@pytest.mark.parametrize(
    ("address", "place"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::1", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
    ],
)
def test_a_client_of_ipv6_is_counted_by_its_network(address: str, place: str) -> None:
    assert counted_as(address) == place


async def leave(connection: Connection) -> None:
    """End a client's connection; when it has received the end, the gateway has forgotten it."""
    connection[1].write_eof()
    assert await answer(connection) == b""


async def test_a_connection_without_a_byte_for_too_long_is_closed(
    open_door: OpenDoor, desk: Desk, host: EchoHost, caplog: pytest.LogCaptureFixture
) -> None:
    connection = await (await open_door(idle_seconds=1)).enter(desk.token)

    assert await answer(connection) == b""
    await host.all_closed()

    assert f"closed {address_of(connection)}: idle" in caplog.text


async def test_a_host_that_keeps_a_connection_whose_client_has_closed_is_left(
    open_door: OpenDoor, admin: AsyncClient, caplog: pytest.LogCaptureFixture
) -> None:
    test_over = asyncio.Event()

    async def keep(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await test_over.wait()
        writer.close()

    async with await asyncio.start_server(keep, "127.0.0.1", 0) as server:
        desk = await new_desk(admin, server.sockets[0].getsockname()[1])
        door = await open_door(half_closed_seconds=0.2)
        connection = await door.knock(asking(desk.token))
        connection[1].write_eof()

        assert await answer(connection) == b""
        test_over.set()

    assert f"closed {address_of(connection)}: idle" in caplog.text


async def test_a_client_that_does_not_read_stops_its_host_and_fills_no_memory(
    open_door: OpenDoor, admin: AsyncClient, caplog: pytest.LogCaptureFixture
) -> None:
    written = 0
    given_up = asyncio.Event()

    async def flood(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal written
        try:
            while written < 1_000_000_000:
                writer.write(bytes(100_000))
                await writer.drain()
                written += 100_000
        except ConnectionError:
            given_up.set()
        finally:
            writer.close()

    async with await asyncio.start_server(flood, "127.0.0.1", 0) as server:
        desk = await new_desk(admin, server.sockets[0].getsockname()[1])
        door = await open_door(idle_seconds=0.5)
        _, writer = await door.knock(asking(desk.token))
        writer.transport.pause_reading()  # type: ignore[attr-defined]
        await given_up.wait()

    # The kernel's own buffers on loopback take some megabytes.
    assert written < 100_000_000
    assert "idle" in caplog.text


async def test_when_the_client_disappears_the_host_is_left_at_once(
    open_door: OpenDoor, desk: Desk, host: EchoHost, caplog: pytest.LogCaptureFixture
) -> None:
    connection = await (await open_door()).enter(desk.token)

    reset(connection[1])
    await host.all_closed()

    assert "connection lost" in caplog.text


async def test_when_the_host_disappears_the_client_is_closed(
    open_door: OpenDoor, admin: AsyncClient
) -> None:
    async def vanish(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readexactly(len(GREETING))
        reset(writer)

    async with await asyncio.start_server(vanish, "127.0.0.1", 0) as server:
        desk = await new_desk(admin, server.sockets[0].getsockname()[1])

        connection = await (await open_door()).knock(asking(desk.token))

        assert await answer(connection) == b""


def reset(writer: asyncio.StreamWriter) -> None:
    """Close a connection with a reset, as the kernel of a process that was killed may do."""
    own = writer.get_extra_info("socket")
    own.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


async def test_a_client_that_leaves_while_the_broker_is_asked_is_forgotten(
    open_door: OpenDoor, desk: Desk, host: EchoHost
) -> None:
    door = await open_door()
    for _ in range(20):
        _, writer = await door.knock(asking(desk.token))
        await writer.drain()
        reset(writer)

    await door.gateway.drain()
    await host.all_closed()
    await door.enter(desk.token)


async def test_200_connections_at_once_are_each_led_to_the_host(
    open_door: OpenDoor, desk: Desk, host: EchoHost
) -> None:
    door = await open_door(connections=200, connections_per_address=200)

    async def talk(number: int) -> None:
        connection = await door.enter(desk.token, FORMS[number % len(FORMS)])
        sent = os.urandom(20_000)
        connection[1].write(sent)
        connection[1].write_eof()
        assert await answer(connection) == sent

    await asyncio.gather(*map(talk, range(200)))
    await host.all_closed()

    assert len(host.received) == 200


async def test_a_gateway_that_drains_waits_for_connections_until_the_grace_time_is_over(
    open_door: OpenDoor, desk: Desk, pair: Pair
) -> None:
    patient, hasty = await open_door(grace_seconds=600), await open_door(grace_seconds=0.1)
    reader, writer = await patient.enter(desk.token)
    cut_off = await hasty.enter(desk.token)

    draining = asyncio.gather(patient.gateway.drain(), hasty.gateway.drain())
    assert await answer(cut_off) == b""
    writer.write(b"still here")
    assert await reader.readexactly(10) == b"still here"
    writer.write_eof()

    await draining
