"""What is noticed because it does not come, at times that the tests give."""

from __future__ import annotations

import asyncio
import itertools
from typing import Any

import pytest
import structlog
from sqlalchemy import insert, update

from broker_service import tables
from broker_service.agents.monitor import Monitor
from broker_service.agents.rules import SILENT_US
from broker_service.hosts.rules import Status
from tests.broker_service.agents.reports import BROKEN, report, session
from tests.broker_service.agents.stored import command, row, send, states
from tests.broker_service.stores import Store, pcs

MINUTE_US = 60 * 1_000_000
REPORTED_US = 1_000


@pytest.fixture
def monitor(store: Store) -> Monitor:
    return Monitor(store.database, clock_us=lambda: 0, logger=structlog.get_logger())


async def status(store: Store, host_id: str = "pc-1") -> Status:
    return (await store.host(host_id)).status


async def settle(monitor: Monitor, now_us: int, since_us: int = -SILENT_US) -> int:
    """Step until nothing is left; return how many steps that took."""
    steps = 1
    while await monitor.step(now_us, since_us=since_us):
        steps += 1
    return steps


async def test_a_host_whose_agent_is_silent_is_unavailable(store: Store, monitor: Monitor) -> None:
    await store.make("pc-1")
    await store.report(report(), now_us=REPORTED_US)
    await store.changed()

    await monitor.step(REPORTED_US + SILENT_US, since_us=0)
    in_time = await status(store)
    heard_in_time = await store.changed()
    await monitor.step(REPORTED_US + SILENT_US + 1, since_us=0)

    assert (in_time, heard_in_time) == (Status.AVAILABLE, [])
    assert await status(store) is Status.UNAVAILABLE
    assert (await row(store)).claim_rank is None
    assert await store.changed() == [("HOST", "hosts/pc-1")]


async def test_a_host_that_reports_again_is_available_again(store: Store, monitor: Monitor) -> None:
    await store.make("pc-1")
    await store.report(report(), now_us=REPORTED_US)
    await monitor.step(REPORTED_US + SILENT_US + 1, since_us=0)
    await store.changed()

    await store.report(report(), now_us=REPORTED_US + SILENT_US + 2)

    assert await status(store) is Status.AVAILABLE
    assert (await row(store)).claim_rank == 0
    assert await store.changed() == [("HOST", "hosts/pc-1")]


async def test_nobody_is_silent_before_the_broker_has_listened_for_as_long(
    store: Store, monitor: Monitor
) -> None:
    await store.make("pc-1")
    await store.report(report(), now_us=REPORTED_US)
    started_us = REPORTED_US + 60 * MINUTE_US

    await monitor.step(started_us + SILENT_US - 1, since_us=started_us)
    early = await status(store)
    await monitor.step(started_us + SILENT_US, since_us=started_us)

    assert (early, await status(store)) == (Status.AVAILABLE, Status.UNAVAILABLE)


async def test_unmonitored_and_broken_hosts_are_left_alone(store: Store, monitor: Monitor) -> None:
    await store.make("pc-1", "pc-2")
    await store.report(report("pc-2", checks=(BROKEN,)), now_us=REPORTED_US)
    await store.changed()

    await monitor.step(60 * MINUTE_US, since_us=0)

    assert await status(store) is Status.UNMONITORED
    assert await store.changed() == []


async def test_many_silent_hosts_are_noticed_in_small_steps(store: Store, monitor: Monitor) -> None:
    await store.make(*pcs(450))
    await store.report(*(report(host_id) for host_id in pcs(450)), now_us=REPORTED_US)

    steps = await settle(monitor, 60 * MINUTE_US)

    assert steps == 3
    assert {one.status for one in await store.rows(tables.host_reports)} == {"UNAVAILABLE"}


async def test_who_never_arrived_is_no_longer_counted(store: Store, monitor: Monitor) -> None:
    await store.make("pc-1", "pc-2", type="POOLED")
    for user, host in (("a@c.d", "pc-1"), ("b@c.d", "pc-1"), ("c@c.d", "pc-2")):
        await send(store, user, host)
    sign_ins = tables.sign_ins
    await store.write(update(sign_ins).where(sign_ins.c.user_key == "a@c.d").values(expires_us=500))
    await store.changed()

    await monitor.step(501, since_us=501)

    assert sorted(one.user_key for one in await store.rows(sign_ins)) == ["b@c.d", "c@c.d"]
    found = await row(store)
    assert (found.sign_in_count, found.load) == (1, 100)
    assert (await row(store, "pc-2")).sign_in_count == 1
    assert await store.changed() == [("HOST", "hosts/pc-1")]


async def test_a_command_that_nobody_answers_expires_and_is_forgotten_after_a_day(
    store: Store, monitor: Monitor
) -> None:
    await store.make("pc-1")
    await store.report(report(sessions=(session(1),)))
    await command(store, "one", created_us=0)

    seen: list[Any] = []
    for now_us in (10 * MINUTE_US, 10 * MINUTE_US + 1, 24 * 60 * MINUTE_US + 1):
        await monitor.step(now_us, since_us=now_us)
        seen.append(await states(store))

    assert seen == [{"one": ("PENDING", "")}, {"one": ("EXPIRED", "")}, {}]


async def test_an_expired_command_is_not_sent(store: Store) -> None:
    await store.make("pc-1")
    await store.report(report(sessions=(session(1),)))
    await command(store, "one", created_us=0)

    (answer,) = await store.report(report(sessions=(session(1),)), now_us=10 * MINUTE_US + 1)

    assert answer.commands == ()  # type: ignore[union-attr]


async def test_many_old_sign_ins_end_in_small_steps(store: Store, monitor: Monitor) -> None:
    await store.make(*pcs(3), type="POOLED")
    hosts = [one.id for one in await store.rows(tables.hosts)]
    collection = (await row(store, "pc-00001")).collection_id
    await store.write(
        insert(tables.sign_ins).values(
            [
                {
                    "collection_id": collection,
                    "user_key": f"u{number}@c.d",
                    "host": hosts[number % 3],
                    "expires_us": 1,
                }
                for number in range(500)
            ]
        )
    )

    await settle(monitor, 2)

    assert await store.rows(tables.sign_ins) == []


DAY_US = 24 * 60 * MINUTE_US


async def test_a_host_that_reported_under_a_clock_a_day_ahead_is_noticed_when_silent(
    store: Store, monitor: Monitor
) -> None:
    await store.make("pc-1")
    await store.report(report(), now_us=REPORTED_US + DAY_US)

    await settle(monitor, REPORTED_US)
    before = await status(store)
    with structlog.testing.capture_logs() as lines:
        await settle(monitor, REPORTED_US + SILENT_US + 1)

    assert (before, await status(store)) == (Status.AVAILABLE, Status.UNAVAILABLE)
    assert [line["event"] for line in lines] == ["hosts do not report any more"]


async def test_a_report_under_a_clock_that_is_ahead_is_told(store: Store, monitor: Monitor) -> None:
    await store.make("pc-1")
    await store.report(report(), now_us=REPORTED_US + DAY_US)

    with structlog.testing.capture_logs() as lines:
        await settle(monitor, REPORTED_US)

    (line,) = lines
    assert (line["log_level"], line["hosts"]) == ("warning", 1)


async def test_silence_is_counted_by_what_has_elapsed_and_not_by_the_clock(store: Store) -> None:
    """A clock that is set ahead makes no host silent: the broker has not listened for as long."""
    await store.make("pc-1")
    await store.report(report(), now_us=REPORTED_US)
    times = itertools.chain([REPORTED_US], itertools.repeat(REPORTED_US + DAY_US))
    jumping = Monitor(store.database, clock_us=lambda: next(times), logger=structlog.get_logger())
    running = asyncio.create_task(jumping.run())
    await asyncio.sleep(0.2)
    running.cancel()

    assert await status(store) is Status.AVAILABLE


async def test_a_sign_in_of_a_clock_that_is_ahead_is_forgotten(
    store: Store, monitor: Monitor
) -> None:
    await store.make("pc-1", type="POOLED")
    await store.connect("alice@contoso.com", at_us=REPORTED_US + DAY_US)

    await settle(monitor, REPORTED_US)

    assert (await row(store)).sign_in_count == 0
