"""Bytes both ways between two connections, until both directions have ended or one is lost."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

CHUNK_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class Peer:
    """One connection.

    Attributes:
        reader: The bytes it sends. Its limit is CHUNK_BYTES: it stops reading from the connection
            while twice as much waits.
        writer: The bytes sent to it.
    """

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def send(self, data: bytes) -> None:
        """Send, and wait until the kernel has all of it."""
        self.writer.transport.set_write_buffer_limits(high=0)
        self.writer.write(data)
        await self.writer.drain()

    def close(self) -> None:
        """Close without waiting. What was sent still arrives."""
        self.writer.transport.abort()


@dataclass(slots=True)
class Direction:
    """One of the two directions.

    Attributes:
        source: The side that sends.
        sink: The side that receives.
        bytes_passed: How much went through so far.
    """

    source: Peer
    sink: Peer
    bytes_passed: int = 0


async def relay(
    one: Direction, other: Direction, *, idle_seconds: float, half_closed_seconds: float
) -> str:
    """Forward both directions; return why that ended, in words.

    The end of a direction is passed on, and the other direction goes on. Nothing is read from a
    side while the other has not taken what was read before.

    Args:
        one: A direction.
        other: The opposite direction.
        idle_seconds: How long neither side may send a byte.
        half_closed_seconds: The same once a direction has ended.
    """
    loop = asyncio.get_running_loop()
    limit_seconds = idle_seconds

    def wait_again() -> None:
        # Once expired it cannot be moved; the cancellation of the pumps is under way.
        if not idle.expired():
            idle.reschedule(loop.time() + limit_seconds)

    async def pump(direction: Direction) -> None:
        nonlocal limit_seconds
        while chunk := await direction.source.reader.read(CHUNK_BYTES):
            direction.bytes_passed += len(chunk)
            wait_again()
            await direction.sink.send(chunk)
        direction.sink.writer.write_eof()
        limit_seconds = min(idle_seconds, half_closed_seconds)
        wait_again()

    ending = "closed by both sides"
    try:
        async with asyncio.timeout(idle_seconds) as idle, asyncio.TaskGroup() as pumps:
            pumps.create_task(pump(one))
            pumps.create_task(pump(other))
    except* OSError:
        # A connection whose keepalive fails raises TimeoutError too.
        ending = "idle" if idle.expired() else "connection lost"
    return ending
