"""A PostgreSQL standby takes over from its primary."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator

import pytest

from tests.faults.conftest import Keep, running, urls
from tests.faults.databases import Postgresql
from tests.faults.trial import Trial
from tests.journeys.pair import Pair


@pytest.fixture
def replicated(
    servers: Callable[..., Postgresql], new_pair: Callable[..., Pair]
) -> Iterator[tuple[Pair, Postgresql, Postgresql]]:
    """Both services on a primary with a synchronous standby, which their URLs name too."""
    primary, standby = servers(), servers()
    primary.create()
    settings = urls(primary, standby)
    standby.follow(primary)
    with running(new_pair("PostgreSQL", **settings)) as pair:
        yield pair, primary, standby


async def test_a_standby_is_promoted_when_the_primary_is_killed(
    replicated: tuple[Pair, Postgresql, Postgresql], record_property: Keep
) -> None:
    pair, primary, standby = replicated
    async with Trial(pair, "PostgreSQL", record_property).of("primary killed, standby promoted"):
        primary.kill()
        await asyncio.to_thread(standby.promote)
