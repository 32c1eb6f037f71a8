"""The load generator: a process of its own that keeps a number of calls in flight.

Requests are made and signed before a round begins and answers are read after it has ended, so that
a call costs the generator the same, whatever is measured.
"""

from __future__ import annotations

import asyncio
import gc
import multiprocessing
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from itertools import islice
from multiprocessing.connection import Connection
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import grpc
import uvloop

from deskhold import tls
from deskhold.embedded.paths import Home

# How many requests are prepared for each second of a round; more than two cores can answer with a
# second hop behind them.
MAX_RATE = 4000
_TIMEOUT_SECONDS = 30.0  # as the SDK
Metadata = tuple[tuple[str, str], ...]
Prepared = tuple[bytes, Metadata | None]


@dataclass(frozen=True, slots=True)
class Source:
    """What calls of one kind are made of; it travels to the generator's process.

    Attributes:
        address: Where they are answered.
        method: The method's full name.
        requests: Makes an endless iterator of requests, for the home whose keys may sign them.
        read: Makes of the answers what is to be told about them; None: nothing.
        is_service: Show the broker's certificate, where services are served.
        max_rate: How many requests are prepared for each second of the first round.
    """

    address: str
    method: str
    requests: Callable[[Home], Iterator[Prepared]]
    read: Callable[[list[bytes]], list[str]] | None = None
    is_service: bool = False
    max_rate: int = MAX_RATE


@dataclass(frozen=True, slots=True)
class Load:
    """One round.

    Attributes:
        kind: What is called.
        in_flight: How many calls at once.
        seconds: When no more are begun.
    """

    kind: Enum
    in_flight: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Answers:
    """What came back in a round.

    Attributes:
        count: How many calls were answered OK.
        seconds: From the first call to the last answer.
        latencies_ms: How long each took, sorted.
        told: What the source has to tell about the answers.
        failures: How often each other code came back.
        cpu_seconds: What the generator itself used.
    """

    count: int
    seconds: float
    latencies_ms: list[float]
    told: list[str]
    failures: Mapping[str, int]
    cpu_seconds: float


class Generator:
    """The process, seen from outside.

    Args:
        home: Whose authority to trust and whose issuer to sign with.
        sources: What is sent, by kind.
    """

    def __init__(self, home: Home, sources: Mapping[Any, Source]) -> None:
        context = multiprocessing.get_context("spawn")  # gRPC must not be forked
        self._pipe, theirs = context.Pipe()
        arguments = (theirs, home.path, dict(sources))
        self._process = context.Process(target=_main, args=arguments, daemon=True)
        self._process.start()
        theirs.close()

    def run(self, load: Load) -> Answers:
        """Run one round.

        Raises:
            RuntimeError: The process has failed; its traceback is on standard error.
        """
        try:
            self._pipe.send(load)
            answers: Answers = self._pipe.recv()
        except (EOFError, ConnectionError) as error:
            raise RuntimeError("the load generator has failed; see above") from error
        return answers

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._pipe.close()
        self._process.join(_TIMEOUT_SECONDS)


def _main(pipe: Connection, home: Path, sources: Mapping[Any, Source]) -> None:
    uvloop.run(_serve(pipe, Home(home), sources))


async def _serve(pipe: Connection, home: Home, sources: Mapping[Any, Source]) -> None:
    lines = {kind: _Line(source, home) for kind, source in sources.items()}
    while True:
        try:
            load: Load = await asyncio.to_thread(pipe.recv)
        except EOFError:
            break
        pipe.send(await lines[load.kind].run(load))
    for line in lines.values():
        await line.close()


class _Line:
    """One channel, and what is to be sent over it."""

    def __init__(self, source: Source, home: Home) -> None:
        self._source = source
        self._requests = source.requests(home)
        self._ready: deque[Prepared] = deque()
        self._rate: dict[int, float] = {}
        own: dict[str, Path] = {}
        if source.is_service:
            own = {"cert_file": home.tls_file("broker"), "key_file": home.tls_key_file("broker")}
        credentials = tls.client_credentials(home.ca_file, **own)
        self._channel = grpc.aio.secure_channel(source.address, credentials)
        # Without serializers bytes go in and out.
        self._call: Any = self._channel.unary_unary(
            source.method, request_serializer=None, response_deserializer=None
        )

    async def run(self, load: Load) -> Answers:
        """Prepare, run one round, and read the answers."""
        wanted = (
            round(load.seconds * self._rate.get(load.in_flight, self._source.max_rate))
            + load.in_flight
        )
        self._ready.extend(islice(self._requests, max(0, wanted - len(self._ready))))
        gc.collect()
        answers: list[bytes] = []
        latencies: list[float] = []
        failures: Counter[str] = Counter()
        before = time.process_time()
        begin = time.perf_counter()
        until = begin + load.seconds

        async def keep_calling() -> None:
            while self._ready and (start := time.perf_counter()) < until:
                request, metadata = self._ready.popleft()
                try:
                    answer = await self._call(request, metadata=metadata, timeout=_TIMEOUT_SECONDS)
                except grpc.aio.AioRpcError as error:
                    failures[f"{error.code().name}: {error.details()}"] += 1
                else:
                    answers.append(answer)
                    latencies.append(time.perf_counter() - start)

        await asyncio.gather(*(keep_calling() for _ in range(load.in_flight)))
        seconds = time.perf_counter() - begin
        cpu_seconds = time.process_time() - before
        # Signing is slow: for the next round prepare half as many again as this one took.
        self._rate[load.in_flight] = 1.5 * len(answers) / seconds
        return Answers(
            count=len(answers),
            seconds=seconds,
            latencies_ms=sorted(latency * 1000 for latency in latencies),
            told=[] if self._source.read is None else self._source.read(answers),
            failures=failures,
            cpu_seconds=cpu_seconds,
        )

    async def close(self) -> None:
        """Close the channel."""
        await self._channel.close()
