"""A TCP proxy between the broker and rbac that delays, falls silent, or resets."""

from __future__ import annotations

import asyncio
import socket
import struct
import threading
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager, suppress
from enum import Enum
from typing import Any, Final, TypeVar

Result = TypeVar("Result")

_CHUNK_BYTES: Final = 65_536
# SO_LINGER on, for 0 seconds: closing sends a reset.
_RESETTING: Final = struct.pack("ii", 1, 0)


class Fault(Enum):
    """What the proxy does to bytes."""

    NONE = "none"
    DELAY = "delay"
    SILENCE = "half-open"
    RESET = "reset"


class Proxy:
    """A proxy in a thread of its own: what starts services blocks the loop of the test.

    Args:
        port: Where it listens, on 127.0.0.1.
        target_port: Where it connects to.
        delay_seconds: By how much `Fault.DELAY` delays each chunk, in each direction.
    """

    def __init__(self, port: int, target_port: int, *, delay_seconds: float) -> None:
        self._port = port
        self._target_port = target_port
        self._delay_seconds = delay_seconds
        self._fault = Fault.NONE
        self._loop = asyncio.new_event_loop()
        self._writers: set[asyncio.StreamWriter] = set()
        self._flowing = asyncio.Event()

    @contextmanager
    def running(self) -> Iterator[Proxy]:
        """Serve until the block ends."""
        thread = threading.Thread(target=self._loop.run_forever)
        thread.start()
        server = self._do(asyncio.start_server(self._serve, "127.0.0.1", self._port))
        try:
            self.set(Fault.NONE)
            yield self
        finally:
            self._loop.call_soon_threadsafe(server.close)
            self.set(Fault.RESET)
            self._loop.call_soon_threadsafe(self._loop.stop)
            thread.join()

    def set(self, fault: Fault) -> None:
        """Treat bytes so from now on, those of open connections too.

        After silence they are reset: a peer that was away for long knows them no more.
        """
        self._do(self._set(fault))

    def _do(self, work: Coroutine[Any, Any, Result]) -> Result:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    async def _set(self, fault: Fault) -> None:
        if fault is Fault.RESET or self._fault is Fault.SILENCE:
            self._reset_all()
        self._fault = fault
        if fault is Fault.SILENCE:
            self._flowing.clear()
        else:
            self._flowing.set()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        if self._fault is Fault.RESET:
            self._reset_all()
            return
        with suppress(OSError):
            onward = await asyncio.open_connection("127.0.0.1", self._target_port)
            self._writers.add(onward[1])
            await asyncio.gather(self._pump(reader, onward[1]), self._pump(onward[0], writer))

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while chunk := await reader.read(_CHUNK_BYTES):
                await self._flowing.wait()
                if self._fault is Fault.DELAY:
                    await asyncio.sleep(self._delay_seconds)
                writer.write(chunk)
                await writer.drain()
        self._writers.discard(writer)
        writer.close()

    def _reset_all(self) -> None:
        for writer in self._writers:
            connection: socket.socket = writer.get_extra_info("socket")
            with suppress(OSError):  # closed already
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESETTING)
            writer.transport.abort()
        self._writers.clear()
