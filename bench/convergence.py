"""`python -m bench.convergence`: how soon an acknowledged write is seen by other processes.

Three rbac processes share one PostgreSQL. A role is assigned through the first. At the others the
user asks about herself, answered from memory (minimize_latency), every two milliseconds from before
the write until ALLOW comes back. Asking about somebody else would be no measurement: the gate of
such a question reads the head of the log, and brings the process up to date.
"""

from __future__ import annotations

import random
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

from bench.authority import Authority
from bench.machine import conditions
from bench.pair import issuer_of, new_home
from deskhold import issuer
from deskhold.api.rbac.v1.access_pb2 import DECISION_ALLOW
from deskhold.channel import Endpoint
from deskhold.client import Client
from deskhold.embedded.paths import Home
from deskhold.identities import Principal, PrincipalKind
from tests.databases import postgresql_server

_PROCESSES = 3
_SIZE = 1_000
_WRITES = 400
_WARM_UP = 10
_MOST_P99_MS = 100.0
# Asking without a rest would take the processors from those who are to answer.
_ASK_SECONDS = 0.002
# More than the tail waits between two looks, so that writes come at any moment of its turn.
_PAUSE_SECONDS = 0.1
_SCOPE = "/tenantGroups/g0"
_ACTION = "deskhold.resources/hosts/read"


def main() -> int:
    """Measure and print."""
    with tempfile.TemporaryDirectory(prefix="deskhold-bench-") as path, ExitStack() as stack:
        circumstances = conditions(Path(path))
        home = new_home(Path(path))
        url = stack.enter_context(postgresql_server()).new()
        first = Authority(stack, home, size=_SIZE, database_url=url)
        others = [
            Authority(stack, home, size=_SIZE, database_url=url, policy_of=first)
            for _ in range(_PROCESSES - 1)
        ]
        delays_ms = sorted(_measure(stack, home, first, others))
    for name, value in circumstances.items():
        sys.stdout.write(f"{name:<12} {value}\n")
    p99 = delays_ms[int(len(delays_ms) * 0.99)]
    sys.stdout.write(
        f"\n{len(delays_ms)} delays from the answer to a write to the first ALLOW elsewhere, of"
        f" {_WRITES} writes\n"
        f"p50 {statistics.median(delays_ms):.1f} ms, p90 {delays_ms[int(len(delays_ms) * 0.9)]:.1f}"
        f" ms, p99 {p99:.1f} ms, most {delays_ms[-1]:.1f} ms\n"
        f"{'pass' if p99 <= _MOST_P99_MS else 'FAIL'}  p99 {p99:.1f} ms (goal <= 100)\n"
    )
    return 0


class Observer:
    """Asks one process about users who ask about themselves.

    Args:
        authority: The process.
        home: Whose issuer signs for the users.
    """

    def __init__(self, authority: Authority, home: Home) -> None:
        self._issuer = issuer_of(home)
        self._token = ""
        endpoint = Endpoint(authority.people, home.ca_file, lambda: self._token)
        self.client = Client(rbac=endpoint)

    def first_allow(self, user: str, has_asked: threading.Event) -> float:
        """Ask until it is allowed; return when that was known, on the performance counter.

        Args:
            user: Who asks.
            has_asked: Set when the first answer is back.
        """
        self._token = issuer.sign(self._issuer, user)
        while True:
            answer = self.client.check_access(_ACTION, _SCOPE, minimize_latency=True)
            known = time.perf_counter()
            has_asked.set()
            if answer.decision == DECISION_ALLOW:
                return known
            time.sleep(_ASK_SECONDS)


def _measure(
    stack: ExitStack, home: Home, first: Authority, others: Sequence[Authority]
) -> Iterator[float]:
    owner = stack.enter_context(first.client())
    observers = [Observer(one, home) for one in others]
    for observer in observers:
        stack.enter_context(observer.client)
    threads = stack.enter_context(ThreadPoolExecutor(len(observers)))
    for number in range(_WARM_UP + _WRITES):
        user = f"seen-{number}@contoso.com"
        asked = [threading.Event() for _ in observers]
        seen = [
            threads.submit(observer.first_allow, user, has_asked)
            for observer, has_asked in zip(observers, asked, strict=True)
        ]
        for has_asked in asked:
            has_asked.wait()
        owner.create_role_assignment(_SCOPE, Principal(PrincipalKind.USER, user), "RDS Reader")
        acknowledged = time.perf_counter()
        delays_ms = [max(0.0, one.result() - acknowledged) * 1000 for one in seen]
        if number >= _WARM_UP:
            yield from delays_ms
        time.sleep(random.uniform(0, _PAUSE_SECONDS))


if __name__ == "__main__":
    sys.exit(main())
