"""`python -m bench.fleet [--postgresql]`: large collections, storms, imports and exports.

The floor of each figure is another figure of the same run: the first fifth of a drain for its last,
a small collection for a large one. Only imports and exports have an absolute goal.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, ExitStack
from dataclasses import dataclass
from pathlib import Path

from bench.machine import conditions
from bench.pair import COLLECTION, OWNER, Pair, issuer_of, new_home
from bench.postgresql import databases
from deskhold import issuer
from deskhold.channel import Endpoint
from deskhold.client import AsyncClient
from deskhold.errors import ResourceExhausted

_TENANT = COLLECTION.rpartition("/collections/")[0]
_HOSTS_PER_CALL = 10_000
_CLIENTS = 8
_DRAINED = 10_000
_DRAINING = 16
_STORM = 10_000
_SMALL, _LARGE = 1_000, 100_000
_PAIRS = 400
_ROWS = 50_000
_TIMES = 5
# Whoever is told that too many wait comes again a little later, as a client does.
_PAUSE_SECONDS = 0.25


@dataclass(frozen=True, slots=True)
class Line:
    """One figure.

    Attributes:
        what: What it is, with the figure in it.
        goal: What is asked, in words.
        is_met: Whether it is reached.
    """

    what: str
    goal: str
    is_met: bool


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m bench.fleet", description=__doc__)
    parser.add_argument("--postgresql", action="store_true", help="instead of SQLite")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="deskhold-bench-") as path, ExitStack() as stack:
        circumstances = conditions(Path(path))
        home = new_home(Path(path))
        urls = databases(stack, Path(path)) if arguments.postgresql else None
        pair = Pair(stack, home, urls)
        token = issuer.sign(issuer_of(home), OWNER)
        endpoint = Endpoint(pair.address, home.ca_file, token)
        lines = asyncio.run(_measure(pair, endpoint))
    for name, value in circumstances.items():
        sys.stdout.write(f"{name:<12} {value}\n")
    sys.stdout.write(f"database     {'PostgreSQL' if arguments.postgresql else 'SQLite'}\n\n")
    for line in lines:
        mark = "pass" if line.is_met else "FAIL"
        sys.stdout.write(f"{mark}  {line.what} (goal {line.goal})\n")
    return 0


async def _measure(pair: Pair, endpoint: Endpoint) -> list[Line]:
    async with AsyncExitStack() as stack:
        clients = [
            await stack.enter_async_context(AsyncClient(broker=endpoint, timeout_seconds=120.0))
            for _ in range(_CLIENTS)
        ]
        return [
            *await _drain(pair, clients),
            *await _storm(pair, clients),
            *await _sizes(pair, clients[0]),
            *await _files(pair, clients[0]),
        ]


def _collection(pair: Pair, name: str, count: int) -> str:
    made = pair.client.create_collection(_TENANT, name, type="personal", auto_assign_user=True)
    for first in range(0, count, _HOSTS_PER_CALL):
        numbers = range(first, min(count, first + _HOSTS_PER_CALL))
        pair.client.add_hosts(made.name, [f"{name}-{number:06}" for number in numbers])
    return made.name


async def _drain(pair: Pair, clients: Sequence[AsyncClient]) -> list[Line]:
    drained = [await _drain_one(pair, clients, f"drain-{number}") for number in range(_TIMES)]
    ratios = sorted(last / first for first, last in drained)
    first, last = (statistics.median(fifth) * 1000 for fifth in zip(*drained, strict=True))
    ratio = statistics.median(ratios)
    return [
        Line(
            f"draining {_DRAINED} hosts, {_DRAINING} in flight, {_TIMES} times: p50 {first:.1f} ms"
            f" in the first fifth, {last:.1f} ms in the last: {ratio:.2f}"
            f" ({ratios[0]:.2f}..{ratios[-1]:.2f})",
            "<= 1.30",
            ratio <= 1.3,
        )
    ]


async def _drain_one(
    pair: Pair, clients: Sequence[AsyncClient], collection: str
) -> tuple[float, float]:
    """Claim every host; return the median latency of the first and of the last fifth."""
    name = _collection(pair, collection, _DRAINED)
    waiting = iter(range(_DRAINED))
    latencies: list[float] = []

    async def sign_in(client: AsyncClient) -> None:
        for number in waiting:
            start = time.perf_counter()
            await client.connect(name, user=f"{collection}-{number}@contoso.com")
            latencies.append(time.perf_counter() - start)

    await asyncio.gather(*(sign_in(clients[n % len(clients)]) for n in range(_DRAINING)))
    fifth = _DRAINED // 5
    return statistics.median(latencies[:fifth]), statistics.median(latencies[-fifth:])


async def _storm(pair: Pair, clients: Sequence[AsyncClient]) -> list[Line]:
    name = _collection(pair, "storm", _STORM)
    put_off = 0

    async def sign_in(number: int) -> str:
        nonlocal put_off
        client = clients[number % len(clients)]
        while True:
            try:
                return (await client.connect(name, user=f"storm{number}@contoso.com")).host
            except ResourceExhausted as error:
                if error.reason == "NO_FREE_HOST":
                    raise
                put_off += 1
                await asyncio.sleep(random.uniform(0.5, 1.5) * _PAUSE_SECONDS)

    start = time.perf_counter()
    hosts = await asyncio.gather(*map(sign_in, range(_STORM)))
    seconds = time.perf_counter() - start
    return [
        Line(
            f"{_STORM} users at once, {_STORM} hosts: {len(set(hosts))} distinct hosts in"
            f" {seconds:.1f} s, {put_off} times told to come again",
            f"{_STORM} distinct",
            len(set(hosts)) == _STORM,
        )
    ]


async def _sizes(pair: Pair, client: AsyncClient) -> list[Line]:
    names = [_collection(pair, "small", _SMALL), _collection(pair, "large", _LARGE)]
    took: dict[str, list[float]] = {name: [] for name in names}
    for number in range(_PAIRS):
        for name in names[:: -1 if number % 2 else 1]:
            start = time.perf_counter()
            await client.connect(name, user=f"size{number}@contoso.com")
            took[name].append(time.perf_counter() - start)
    small, large = (statistics.median(took[name]) for name in names)
    ratio = large / small
    return [
        Line(
            f"a claim alone, {_SMALL} hosts {small * 1000:.2f} ms, {_LARGE} hosts"
            f" {large * 1000:.2f} ms: {ratio:.2f}",
            "0.90 to 1.10",
            ratio <= 1.1,
        )
    ]


async def _files(pair: Pair, client: AsyncClient) -> list[Line]:
    name = _collection(pair, "files", _ROWS)
    content = "".join(f"files-{n:06},user{n}@contoso.com\n" for n in range(_ROWS)).encode()
    start = time.perf_counter()
    imported = await client.import_assignments(name, content)
    import_rate = imported.assigned_count / (time.perf_counter() - start)
    export_rates = [rate async for rate in _exports(client, name)]
    export_rate = statistics.median(export_rates)
    return [
        Line(f"import {import_rate:.0f} rows/s", ">= 10000", import_rate >= 10_000),
        Line(f"export {export_rate:.0f} rows/s", ">= 50000", export_rate >= 50_000),
    ]


async def _exports(client: AsyncClient, name: str) -> AsyncIterator[float]:
    for _ in range(_TIMES):
        start = time.perf_counter()
        exported = await client.export_assignments(name)
        yield exported.row_count / (time.perf_counter() - start)


if __name__ == "__main__":
    sys.exit(main())
