"""What an answer is worth when a process ends in the middle of a stream of claims."""

from __future__ import annotations

from functools import partial
from signal import SIGKILL, SIGTERM

import pytest

from deskhold.client import AsyncClient
from tests.journeys.claims import Stream
from tests.journeys.pair import Pair


async def test_after_kill_9_of_the_broker_every_acknowledged_claim_is_there(
    pair: Pair, admin: AsyncClient
) -> None:
    stream = Stream(admin, "killed")
    await stream.run(after=200, interrupt=partial(pair.end, "broker", SIGKILL))
    assert pair.end_of("broker").startswith("broker was killed by SIGKILL")
    pair.start_alone("broker")

    held = await stream.held()

    assert len(stream.acknowledged) >= 200
    assert stream.acknowledged.items() <= held.items()
    # What is there besides was made, and its answer lost on the way.
    assert held.keys() - stream.acknowledged.keys() <= stream.refused.keys()


async def test_whose_answer_was_lost_is_led_to_the_host_that_was_claimed(
    pair: Pair, admin: AsyncClient
) -> None:
    stream = Stream(admin, "lost")
    await stream.run(after=50, interrupt=partial(pair.end, "broker", SIGKILL))
    pair.end_of("broker")
    pair.start_alone("broker")
    before = await stream.held()

    for user in stream.refused:
        way_in = await admin.connect(stream.collection, user=user)
        assert way_in.host == before.get(user, way_in.host)
        assert way_in.newly_assigned == (user not in before)

    assert (await stream.held()).keys() == stream.acknowledged.keys() | stream.refused.keys()


async def test_with_rbac_killed_mutations_are_refused_and_leave_nothing_behind(
    pair: Pair, admin: AsyncClient
) -> None:
    stream = Stream(admin, "unguarded")
    await stream.run(after=200, interrupt=partial(pair.end, "rbac", SIGKILL))
    pair.end_of("rbac")

    assert set(stream.refused.values()) == {"AUTHORITY_UNAVAILABLE"}
    refused = pair.deskhold("host", "add", "--collection", "unguarded", "late-1")
    assert refused.returncode == 5
    assert "nothing was changed" in refused.stderr

    pair.start_alone("rbac")
    assert await stream.held() == stream.acknowledged
    assert "late-1" not in pair.deskhold("host", "list", "--collection", "unguarded").stdout


@pytest.mark.parametrize("service", ["broker", "rbac"])
async def test_a_service_that_is_told_to_stop_finishes_what_it_has_begun(
    pair: Pair, admin: AsyncClient, service: str
) -> None:
    stream = Stream(admin, f"drained-{service}")
    await stream.run(after=200, interrupt=partial(pair.end, service, SIGTERM))
    assert pair.end_of(service).startswith(f"{service} ended with exit code 0")
    pair.start_alone(service)

    assert await stream.held() == stream.acknowledged
