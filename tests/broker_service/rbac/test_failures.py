"""What the broker makes of an authority that is late, away or unwilling: nobody is allowed."""

from __future__ import annotations

import asyncio
import gc
from typing import Any

import pytest
from structlog.testing import capture_logs

from broker_service.rbac import Authority
from deskhold.errors import (
    DeskholdError,
    Internal,
    InvalidArgument,
    PermissionDenied,
    Unavailable,
)
from tests.broker_service.rbac.asking import READ, WRITE, asking
from tests.broker_service.stand_in_rbac import StandIn


async def test_a_late_authority_is_unavailable(rbac: StandIn, authority: Authority) -> None:
    rbac.is_open.clear()

    with pytest.raises(Unavailable) as caught:
        await asking(authority, "alice", seconds=0.4)

    assert caught.value.reason == "AUTHORITY_UNAVAILABLE"
    assert caught.value.metadata == {"authority": "rbac"}
    assert caught.value.retry_after_seconds


async def test_whoever_waits_behind_a_late_answer_hears_before_their_time_is_up(
    rbac: StandIn, authority: Authority
) -> None:
    rbac.is_open.clear()
    first = asking(authority, "first", seconds=30)
    await rbac.arrival(1)

    with pytest.raises(Unavailable):
        await asking(authority, "second", seconds=0.4)

    assert not first.done()
    rbac.is_open.set()
    assert (await first).decision_id


async def test_each_of_many_who_wait_hears_when_their_own_time_is_up(
    rbac: StandIn, authority: Authority
) -> None:
    rbac.is_open.clear()
    first = asking(authority, "first", seconds=30)
    await rbac.arrival(1)
    told: list[str] = []

    async def wait(name: str, seconds: float) -> None:
        with pytest.raises(Unavailable):
            await asking(authority, name, seconds=seconds)
        told.append(name)

    await asyncio.gather(wait("late", 0.6), wait("soon", 0.2), wait("last", 0.9))

    assert told == ["soon", "late", "last"]
    assert not first.done()
    rbac.is_open.set()
    assert (await first).decision_id


async def test_a_crowd_does_not_wait_for_a_silent_authority_batch_after_batch(
    rbac: StandIn, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("broker_service.rbac._TIMEOUT_SECONDS", 0.2)
    monkeypatch.setattr("broker_service.rbac._PATIENCE_SECONDS", 0.4)
    rbac.is_open.clear()

    came = await asyncio.gather(
        *(asking(authority, f"user{number}") for number in range(300)), return_exceptions=True
    )

    assert {getattr(one, "reason", one) for one in came} == {"AUTHORITY_UNAVAILABLE"}
    # In batches of 64, everybody in their turn would have been five.
    assert len(rbac.batches) <= 3


async def test_whoever_has_left_is_not_asked_for(rbac: StandIn, authority: Authority) -> None:
    rbac.is_open.clear()
    first = asking(authority, "first")
    await rbac.arrival(1)
    gone, stays = asking(authority, "gone"), asking(authority, "stays")
    await asyncio.sleep(0)

    gone.cancel()
    rbac.is_open.set()
    await asyncio.gather(first, gone, stays, return_exceptions=True)

    assert [one.principal.id for batch in rbac.batches for one in batch] == [
        "first@contoso.com",
        "stays@contoso.com",
    ]


async def test_a_failure_is_heard_by_everyone_who_waits_and_by_nobody_else(
    rbac: StandIn, authority: Authority
) -> None:
    unheard: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: unheard.append(context))
    await rbac.stop()

    came = await asyncio.gather(
        *(asking(authority, f"user{number}", READ, WRITE) for number in range(5)),
        return_exceptions=True,
    )

    assert all(isinstance(one, Unavailable) for one in came)
    del came
    gc.collect()
    await asyncio.sleep(0)
    assert unheard == []


async def test_after_the_authority_is_back_it_is_asked_again(
    rbac: StandIn, authority: Authority
) -> None:
    await rbac.stop()
    with pytest.raises(Unavailable):
        await asking(authority, "alice")

    await rbac.start()

    grant = None
    while grant is None:
        try:
            grant = await asking(authority, "alice")
        except Unavailable:
            continue  # until the channel has connected again
    assert grant.decision_id


async def test_whoever_gets_no_answer_is_not_allowed(rbac: StandIn, authority: Authority) -> None:
    rbac.is_open.clear()
    first = asking(authority, "first")
    await rbac.arrival(1)
    others = [asking(authority, f"user{number}") for number in range(3)]
    await asyncio.sleep(0)
    rbac.left_out = 1
    rbac.is_open.set()

    came = await asyncio.gather(first, *others, return_exceptions=True)

    assert isinstance(came[0], Exception)
    assert isinstance(came[-1], Exception)
    rbac.left_out = 0
    assert (await asking(authority, "next")).decision_id


@pytest.mark.parametrize(
    ("refusal", "hint"),
    [
        (PermissionDenied("the broker may not ask"), "deskhold bootstrap"),
        (Unavailable("the store is away"), ""),
        (InvalidArgument("too many"), ""),
        (Internal("a defect"), ""),
    ],
    ids=lambda value: type(value).__name__,
)
async def test_an_authority_that_refuses_to_answer_is_unavailable_and_the_log_says_why(
    rbac: StandIn, authority: Authority, refusal: DeskholdError, hint: str
) -> None:
    rbac.refusal = refusal

    with capture_logs() as lines, pytest.raises(Unavailable) as caught:
        await asking(authority, "alice")

    assert caught.value.reason == "AUTHORITY_UNAVAILABLE"
    assert refusal.message not in caught.value.message
    assert lines[0]["message"] == refusal.message
    assert hint in lines[0]["hint"]
