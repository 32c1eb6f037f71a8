"""The feed: gapless, resumable, bounded."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from typing import Any

import pytest

from deskhold.chassis.clock import now_us
from deskhold.errors import Aborted, ResourceExhausted, Unavailable
from rbac_service.epoch import new_epoch
from rbac_service.log import watch
from rbac_service.log.rules import Entry
from rbac_service.log.watch import Checkpoint, Feed
from tests.rbac_service.deployments import Deployment
from tests.supervision import supervised

Event = Entry | Checkpoint


@asynccontextmanager
async def feeding(deployment: Deployment, **limits: Any) -> AsyncIterator[Feed]:
    feed = Feed(deployment.database, **limits)
    async with supervised(feed.run):
        yield feed


async def soon(event: Any) -> Any:
    return await asyncio.wait_for(event, 20)


async def until_checkpoint(events: AsyncIterator[Event], revision: int) -> list[int]:
    """Return the revisions heard until nothing has happened up to one."""
    heard = []
    while True:
        event = await soon(anext(events))
        if isinstance(event, Entry):
            heard.append(event.revision)
        elif event.revision >= revision:
            return heard


async def test_a_watch_from_the_first_on_hears_every_revision_once_in_order(
    deployment: Deployment,
) -> None:
    for number in range(2, 8):
        await deployment.assign(f"u{number}@x", "RDS Reader")
    async with feeding(deployment) as feed, aclosing(feed.follow(0)) as events:
        assert await until_checkpoint(events, 7) == [1, 2, 3, 4, 5, 6, 7]
        await deployment.assign("late@x", "RDS Reader")
        assert await until_checkpoint(events, 8) == [8]


async def test_a_watch_goes_on_after_the_last_revision_received(deployment: Deployment) -> None:
    await deployment.assign("bob@x", "RDS Reader")
    async with feeding(deployment) as feed:
        async with aclosing(feed.follow(1)) as events:
            assert await until_checkpoint(events, 2) == [2]
        await deployment.assign("carol@x", "RDS Reader")
        async with aclosing(feed.follow(2)) as events:
            assert await until_checkpoint(events, 3) == [3]


async def test_a_watch_from_now_hears_only_what_comes(deployment: Deployment) -> None:
    async with feeding(deployment) as feed, aclosing(feed.follow(None)) as events:
        assert await until_checkpoint(events, 1) == []
        await deployment.assign("bob@x", "RDS Reader")
        assert await until_checkpoint(events, 2) == [2]


async def test_checkpoints_come_when_nothing_happens_and_say_when(deployment: Deployment) -> None:
    often = feeding(deployment, checkpoint_seconds=0.01)
    async with often as feed, aclosing(feed.follow(None)) as events:
        first, second = await soon(anext(events)), await soon(anext(events))
    assert isinstance(first, Checkpoint)
    assert isinstance(second, Checkpoint)
    assert first.revision == second.revision == 1
    assert first.time_us < second.time_us


async def test_what_another_process_commits_is_heard(deployment: Deployment) -> None:
    other = Deployment.open(deployment.url, deployment.keys)
    async with feeding(deployment) as feed, aclosing(feed.follow(None)) as events:
        await until_checkpoint(events, 1)
        await other.assign("bob@x", "RDS Reader")
        assert await until_checkpoint(events, 2) == [2]
    await other.close()


async def test_writers_and_watchers_at_once_leave_no_gap(deployment: Deployment) -> None:
    async def watch(feed: Feed, after: int) -> list[int]:
        async with aclosing(feed.follow(after)) as events:
            return await until_checkpoint(events, 31)

    async with feeding(deployment, kept=1000) as feed:
        heard = [asyncio.create_task(watch(feed, after)) for after in (0, 0, 1)]
        await asyncio.gather(
            *(deployment.assign(f"u{number}@x", "RDS Reader") for number in range(30))
        )
        revisions = await asyncio.gather(*heard)
    assert revisions == [list(range(1, 32)), list(range(1, 32)), list(range(2, 32))]


async def test_one_reader_too_many_is_refused_and_a_place_becomes_free(
    deployment: Deployment,
) -> None:
    async with feeding(deployment, watchers=1) as feed:
        async with aclosing(feed.follow(None)) as events:
            await until_checkpoint(events, 1)
            with pytest.raises(ResourceExhausted):
                await anext(feed.follow(None))
        async with aclosing(feed.follow(None)) as events:
            await until_checkpoint(events, 1)


async def test_a_reader_that_falls_behind_what_is_kept_is_sent_away_and_may_resume(
    deployment: Deployment,
) -> None:
    async with feeding(deployment, kept=2) as feed:
        async with aclosing(feed.follow(None)) as slow, aclosing(feed.follow(None)) as quick:
            await until_checkpoint(slow, 1)
            for number in range(2, 7):
                await deployment.assign(f"u{number}@x", "RDS Reader")
                await until_checkpoint(quick, number)
            with pytest.raises(Aborted) as caught:
                await until_checkpoint(slow, 6)
        assert (caught.value.reason, caught.value.metadata) == ("SLOW_READER", {"revision": "1"})
        async with aclosing(feed.follow(1)) as again:
            assert await until_checkpoint(again, 6) == [2, 3, 4, 5, 6]


async def test_closing_ends_every_watch_cleanly_and_refuses_new_ones(
    deployment: Deployment,
) -> None:
    async with feeding(deployment, checkpoint_seconds=1000) as feed:
        async with aclosing(feed.follow(None)) as events:
            await until_checkpoint(events, 1)
            ending = asyncio.ensure_future(anext(events, None))
            feed.close()
            assert await soon(ending) is None
        with pytest.raises(Unavailable):
            await anext(feed.follow(None))


async def test_a_revision_that_is_not_of_this_history_is_refused(deployment: Deployment) -> None:
    async with feeding(deployment) as feed:
        with pytest.raises(Aborted) as caught:
            await anext(feed.follow(17))
    assert caught.value.reason == "REVISION_GONE"


async def test_a_new_epoch_ends_the_watches_of_the_old_history(deployment: Deployment) -> None:
    async with feeding(deployment) as feed, aclosing(feed.follow(None)) as events:
        await until_checkpoint(events, 1)
        await new_epoch(deployment.database, now_us=now_us())
        with pytest.raises(Aborted) as caught:
            await until_checkpoint(events, 2)
    assert caught.value.reason == "REVISION_GONE"


async def test_nobody_watching_means_nobody_asking_the_store(deployment: Deployment) -> None:
    async with feeding(deployment) as feed:
        async with aclosing(feed.follow(None)) as events:
            await until_checkpoint(events, 1)
        await deployment.assign("bob@x", "RDS Reader")
        assert not feed._watched.is_set()
        async with aclosing(feed.follow(0)) as events:
            assert await until_checkpoint(events, 2) == [1, 2]


async def test_a_read_that_fails_half_way_gives_no_watcher_an_entry_twice(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch, "_PIECE", 1)
    feed = Feed(deployment.database)
    read, reads = feed._read, 0

    async def fail_once(after_revision: int) -> list[Entry]:
        nonlocal reads
        reads += 1
        if reads == 2:
            raise Unavailable("away")
        return await read(after_revision)

    async with aclosing(feed.follow(None)) as events:
        await soon(anext(events))
        for number in range(2, 5):
            await deployment.assign(f"u{number}@x", "RDS Reader")
        monkeypatch.setattr(feed, "_read", fail_once)
        with pytest.raises(Unavailable):
            await feed._advance()
        await feed._advance()

        assert await until_checkpoint(events, 4) == [2, 3, 4]


async def test_a_watcher_further_behind_than_is_kept_is_told_so_after_one_long_read(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch, "_PIECE", 2)
    feed = Feed(deployment.database, kept=3)
    async with aclosing(feed.follow(None)) as events:
        await soon(anext(events))
        for number in range(2, 9):
            await deployment.assign(f"u{number}@x", "RDS Reader")
        await feed._advance()

        with pytest.raises(Aborted) as refused:
            await soon(anext(events))
    assert refused.value.reason == "SLOW_READER"
