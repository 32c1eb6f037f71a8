"""Asking again: what comes first counts, and nothing is asked without need."""

from __future__ import annotations

import asyncio
from typing import Any

import grpc
import pytest

from broker_service import hedging
from broker_service.hedging import hedged


def refused(code: grpc.StatusCode) -> grpc.aio.AioRpcError:
    return grpc.aio.AioRpcError(code, grpc.aio.Metadata(), grpc.aio.Metadata(), "refused")


LOST = refused(grpc.StatusCode.UNAVAILABLE)


class Servers:
    """Answers attempts one after the other: a value, an error, or None: never."""

    def __init__(self, *answers: object) -> None:
        self._answers = iter(answers)
        self.asked = 0
        self.cancelled = 0
        self.two_asked = asyncio.Event()

    async def __call__(self, left: float) -> Any:
        self.asked += 1
        if self.asked == 2:
            self.two_asked.set()
        answer = next(self._answers)
        if isinstance(answer, Exception):
            raise answer
        if answer is not None:
            return answer
        try:
            await asyncio.sleep(left)
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        raise refused(grpc.StatusCode.DEADLINE_EXCEEDED)


@pytest.fixture(autouse=True)
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hedging, "_HEDGE_SECONDS", 0.01)


async def test_an_answer_is_asked_for_once() -> None:
    servers = Servers("yes")

    assert await hedged(servers, 60) == "yes"
    assert servers.asked == 1


async def test_one_that_stands_still_is_passed_by_and_its_call_ended() -> None:
    servers = Servers(None, "yes")

    assert await hedged(servers, 60) == "yes"
    await asyncio.sleep(0)
    assert (servers.asked, servers.cancelled) == (2, 1)


async def test_one_that_is_lost_is_passed_by_at_once() -> None:
    servers = Servers(LOST, LOST, "yes")

    assert await hedged(servers, 60) == "yes"
    assert servers.asked == 3


async def test_a_refusal_is_an_answer() -> None:
    servers = Servers(refused(grpc.StatusCode.PERMISSION_DENIED), "yes")

    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await hedged(servers, 60)

    assert caught.value.code() is grpc.StatusCode.PERMISSION_DENIED
    assert servers.asked == 1


async def test_when_all_are_lost_the_last_one_says_so() -> None:
    servers = Servers(LOST, LOST, LOST, LOST, "never asked")

    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await hedged(servers, 60)

    assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
    assert servers.asked == 4


async def test_one_that_is_lost_while_another_is_slow_does_not_end_the_call() -> None:
    servers = Servers(None, LOST, LOST, "yes")

    assert await hedged(servers, 60) == "yes"


async def test_the_time_of_all_attempts_has_an_end() -> None:
    servers = Servers(None, None, None, None)

    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await hedged(servers, 0.1)

    assert caught.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED


async def test_who_leaves_ends_every_attempt() -> None:
    servers = Servers(None, None, None, None)
    asking = asyncio.ensure_future(hedged(servers, 60))
    await servers.two_asked.wait()

    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking

    assert servers.cancelled == servers.asked
