from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest

from deskhold.api.rbac.v1.scopes_pb2 import ListScopesRequest, ListScopesResponse
from deskhold.chassis.calls import current
from deskhold.embedded.paths import Home
from deskhold.errors import DeadlineExceeded, Internal
from tests.deskhold.chassis.carrier import Carrier, Holding

REQUEST = ListScopesRequest(parent="/")


@pytest.fixture
async def hurried(laid: Home) -> AsyncIterator[Carrier]:
    """A server that gives no call more than a fifth of a second."""
    made = Carrier(laid, max_seconds=0.2, drain_seconds=0.1)
    await made.server.start()
    yield made
    await made.close()


async def test_work_ends_when_its_caller_stops_waiting(hurried: Carrier) -> None:
    hurried.behave = holding = Holding()

    with pytest.raises(DeadlineExceeded):
        await hurried.call(REQUEST, timeout=0.1)

    await holding.cancelled.wait()


async def test_work_ends_when_its_caller_leaves(hurried: Carrier) -> None:
    hurried.behave = holding = Holding()
    call = hurried.begin(REQUEST)
    leaving = asyncio.ensure_future(call)
    await holding.began.wait()

    call.cancel()

    await holding.cancelled.wait()
    with pytest.raises(asyncio.CancelledError):
        await leaving


@pytest.mark.parametrize("patience_seconds", [None, 10])
async def test_a_call_without_a_near_deadline_gets_the_servers(
    hurried: Carrier, patience_seconds: float | None
) -> None:
    hurried.behave = holding = Holding()

    with pytest.raises(DeadlineExceeded, match=r"0\.2 s, the most") as late:
        await hurried.call(REQUEST, timeout=patience_seconds)

    assert holding.cancelled.is_set()
    assert late.value.metadata == {"max_seconds": "0.2"}


@pytest.mark.parametrize(("patience_seconds", "most"), [(None, 0.2), (10, 0.2), (0.15, 0.15)])
async def test_a_call_knows_how_long_its_caller_still_waits(
    hurried: Carrier, patience_seconds: float | None, most: float
) -> None:
    seen = []

    async def look(_: Any) -> ListScopesResponse:
        call = current()
        seen.append(call.remaining_seconds)
        call.deadline = time.monotonic() - 1
        seen.append(call.remaining_seconds)
        return ListScopesResponse()

    hurried.behave = look
    await hurried.call(REQUEST, timeout=patience_seconds)

    assert 0 < seen[0] <= most
    assert seen[1] == 0


async def test_a_servicer_that_times_out_is_a_defect_and_no_late_caller(hurried: Carrier) -> None:
    async def time_out(_: Any) -> Any:
        raise TimeoutError("a socket of the servicer")

    hurried.behave = time_out

    with pytest.raises(Internal):
        await hurried.call(REQUEST)
