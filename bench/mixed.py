"""`python -m bench.mixed [--postgresql]`: sign-ins of one tenant beside large work of another.

New users sign in at a fixed rate, whether the former has its answer or not; a latency counts from
when its sign-in was due. Quiet and busy phases alternate. The goal is a ratio of the same run.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

from bench import neighbour
from bench.machine import conditions
from bench.pair import COLLECTION, OWNER, Pair, issuer_of, new_home
from bench.postgresql import databases
from deskhold import issuer
from deskhold.channel import Endpoint
from deskhold.client import AsyncClient

_NEIGHBOUR = "tenantGroups/default/tenants/neighbour"
_RATE = 20
_QUIET_SECONDS = 30
_ROWS = 50_000
_PHASES = 2
_FREE_HOSTS = 20_000
_GOAL = 3.0


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m bench.mixed", description=__doc__)
    parser.add_argument("--postgresql", action="store_true", help="instead of SQLite")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="deskhold-bench-") as path, ExitStack() as stack:
        circumstances = conditions(Path(path))
        home = new_home(Path(path))
        urls = databases(stack, Path(path)) if arguments.postgresql else None
        pair = Pair(stack, home, urls)
        pair.client.create_scope(f"/{_NEIGHBOUR}")
        pair.keep_free(_FREE_HOSTS, claimed=0)
        endpoint = Endpoint(pair.address, home.ca_file, issuer.sign(issuer_of(home), OWNER))
        quiet, busy, said = asyncio.run(_measure(endpoint))
    for name, value in circumstances.items():
        sys.stdout.write(f"{name:<12} {value}\n")
    sys.stdout.write(f"database     {'PostgreSQL' if arguments.postgresql else 'SQLite'}\n\n")
    sys.stdout.write("".join(f"neighbour: {_ROWS} {line}\n" for line in said))
    for title, latencies in (("quiet", quiet), ("busy", busy)):
        sys.stdout.write(
            f"{title:<6} {len(latencies)} sign-ins, p50 {_quantile(latencies, 50) * 1000:.1f} ms,"
            f" p99 {_quantile(latencies, 99) * 1000:.1f} ms, most {max(latencies) * 1000:.1f} ms\n"
        )
    ratio = _quantile(busy, 99) / _quantile(quiet, 99)
    mark = "pass" if ratio <= _GOAL else "FAIL"
    sys.stdout.write(f"{mark}  p99 busy to quiet {ratio:.2f} (goal <= {_GOAL:.2f})\n")
    return 0


async def _measure(endpoint: Endpoint) -> tuple[list[float], list[float], list[str]]:
    """Return the latencies of quiet and of busy phases in seconds, and what the neighbour said."""
    quiet: list[float] = []
    busy: list[float] = []
    said: list[str] = []
    async with AsyncClient(broker=endpoint, timeout_seconds=60.0) as client:
        await _sign_ins(client, "warm-up", asyncio.create_task(asyncio.sleep(5)))
        for phase in range(_PHASES):
            calm = asyncio.create_task(asyncio.sleep(_QUIET_SECONDS))
            quiet += await _sign_ins(client, f"quiet-{phase}", calm)
            process = neighbour.start(endpoint, _NEIGHBOUR, rows=_ROWS, rounds=1)
            work = asyncio.create_task(asyncio.to_thread(process.communicate))
            busy += await _sign_ins(client, f"busy-{phase}", work)
            if process.returncode:
                raise RuntimeError(f"the neighbour ended with exit code {process.returncode}")
            said += (await work)[0].splitlines()
    return quiet, busy, said


async def _sign_ins(client: AsyncClient, prefix: str, until: asyncio.Task[object]) -> list[float]:
    """Let new users sign in until a task has ended; return their latencies in seconds."""
    latencies: list[float] = []

    async def sign_in(number: int, due: float) -> None:
        await client.connect(COLLECTION, user=f"{prefix}-{number}@contoso.com")
        latencies.append(time.perf_counter() - due)

    begun = time.perf_counter()
    calls: list[asyncio.Task[None]] = []
    while not until.done():
        due = begun + len(calls) / _RATE
        await asyncio.sleep(max(0.0, due - time.perf_counter()))
        calls.append(asyncio.create_task(sign_in(len(calls), due)))
    await asyncio.gather(*calls)
    return latencies


def _quantile(values: list[float], percent: int) -> float:
    return statistics.quantiles(values, n=100)[percent - 1]


if __name__ == "__main__":
    sys.exit(main())
