"""A broker with two rbac processes: one that is killed or stands still costs no call."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from deskhold.errors import Unavailable
from tests.broker_service.pair import DEFAULT_TENANT, OWNER, Pair
from tests.databases import Databases
from tests.ports import held_ports


class Second:
    """A second rbac on the database of a pair."""

    def __init__(self, pair: Pair, database_url: str, port: int) -> None:
        self._command = [sys.executable, "-m", "rbac_service"]
        self._environ = {
            **os.environ,
            "DESKHOLD_HOME": str(pair.home.path),
            "DESKHOLD_RBAC_DATABASE_URL": database_url,
            "DESKHOLD_RBAC_LISTEN": f"127.0.0.1:{port}",
            "DESKHOLD_RBAC_SERVICE_LISTEN": f"127.0.0.1:{port + 1}",
        }
        self.start()

    def start(self) -> None:
        self.process = subprocess.Popen(
            self._command, env=self._environ, stderr=subprocess.PIPE, text=True
        )
        self.lines: list[str] = []
        serves = threading.Event()
        threading.Thread(target=self._read, args=(serves,), daemon=True).start()
        serves.wait()
        assert any('"serving"' in line for line in self.lines), self.lines

    def _read(self, serves: threading.Event) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.lines.append(line)
            if '"serving"' in line:
                serves.set()
        serves.set()

    def checks(self) -> int:
        """Return how many questions of the broker it has answered."""
        return sum("AccessService/BatchCheckAccess" in line for line in self.lines)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()


@pytest.fixture
def two(
    databases: Databases, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Pair, Second]]:
    own, other, url = held_ports(), held_ports(), databases.new()
    pair = Pair.start(
        tmp_path_factory.mktemp("two"),
        databases,
        DESKHOLD_EMBEDDED_PORTS_FROM=str(own),
        DESKHOLD_RBAC_DATABASE_URL=url,
        DESKHOLD_BROKER_AUTHORITY_ADDRESS=f"localhost:{own + 2},127.0.0.1:{other + 1}",
    )
    second = Second(pair, url, other)
    yield pair, second
    second.kill()
    pair.stop()


@contextmanager
def stopped(process_id: int) -> Iterator[None]:
    os.kill(process_id, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(process_id, signal.SIGCONT)


async def use(pair: Pair, times: int) -> None:
    """Make calls that are not repeated: each needs an answer of rbac."""
    async with pair.once(OWNER) as client:
        for _ in range(times):
            assert [one async for one in client.list_collections(DEFAULT_TENANT)] == []


async def until_both_answer(pair: Pair, second: Second) -> None:
    """Call until the second answers its part of two rounds of calls.

    The first of them may count what it was asked while it stood still.
    """
    rounds = 0
    while rounds < 2:
        answered = second.checks()
        await use(pair, 6)
        rounds = rounds + 1 if second.checks() - answered >= 2 else 0


async def test_both_are_asked_and_one_that_is_killed_costs_no_call(
    two: tuple[Pair, Second],
) -> None:
    pair, second = two
    await until_both_answer(pair, second)

    second.kill()
    await use(pair, 30)

    second.start()
    await until_both_answer(pair, second)


async def test_one_that_stands_still_costs_no_call(two: tuple[Pair, Second]) -> None:
    pair, second = two
    await until_both_answer(pair, second)

    with stopped(second.process.pid):
        await use(pair, 30)
    await until_both_answer(pair, second)
    with stopped(int(pair.home.process_id("rbac"))):
        await use(pair, 30)


async def test_without_any_that_answers_a_call_is_unavailable(two: tuple[Pair, Second]) -> None:
    pair, second = two
    await until_both_answer(pair, second)

    second.kill()
    with stopped(int(pair.home.process_id("rbac"))), pytest.raises(Unavailable) as caught:
        await use(pair, 1)

    assert caught.value.reason == "AUTHORITY_UNAVAILABLE"
