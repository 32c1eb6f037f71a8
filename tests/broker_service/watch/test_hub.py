"""The hub: every change in order, without a gap, resumable, bounded."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack, aclosing
from typing import Any

import pytest
from sqlalchemy import create_engine, event, func, select
from sqlalchemy.pool import NullPool

from broker_service import tables
from broker_service.__main__ import MIGRATIONS
from broker_service.changes.rules import Changed, Position, ResourceKind
from broker_service.changes.store import note
from broker_service.watch import hub as hub_module
from broker_service.watch.hub import Hub
from broker_service.watch.rules import Checkpoint, Event, Interest
from deskhold.errors import Aborted, ResourceExhausted, Unavailable
from tests.broker_service.stores import ENG, TENANT, Store
from tests.broker_service.watch.feeding import (
    EVERYTHING,
    OTHER,
    change,
    events,
    following,
    hears,
    host,
    start,
)
from tests.databases import PostgresqlServer


async def test_a_watch_from_now_says_where_it_begins_and_hears_what_comes(store: Store) -> None:
    await change(store, host("before"))
    async with following(store) as hub, aclosing(hub.follow(EVERYTHING, None)) as heard:
        await start(heard)
        await change(store, host(1), host(2))
        await change(store, host(3))

        assert await hears(heard, 3) == ["pc-1", "pc-2", "pc-3"]


async def test_a_watch_is_taken_up_after_any_position_it_was_sent(store: Store) -> None:
    async with following(store) as hub:
        async with aclosing(hub.follow(EVERYTHING, None)) as heard:
            positions = [await start(heard)]
            for number in range(5):
                await change(store, host(number))
            positions += [one.position for one in await events(heard, 5)]

        for number, position in enumerate(positions[:-1]):
            async with aclosing(hub.follow(EVERYTHING, position)) as again:
                expected = [f"pc-{later}" for later in range(number, 5)]
                assert await hears(again, 5 - number) == expected
        assert positions == sorted(positions)


async def test_a_checkpoint_is_a_position_too(store: Store) -> None:
    async with following(store, checkpoint_seconds=0.0) as hub:
        async with aclosing(hub.follow(EVERYTHING, None)) as heard:
            began = await start(heard)
            await change(store, host(1))
            await hears(heard, 1)
            after = await anext(heard)
        await change(store, host(2))

        assert isinstance(after, Checkpoint)
        assert after.position >= began
        async with aclosing(hub.follow(EVERYTHING, after.position)) as again:
            assert await hears(again, 1) == ["pc-2"]


async def test_writers_of_several_processes_and_watchers_at_once_leave_no_gap(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hub_module, "_PIECE", 7)
    others = [Store(store.url) for _ in range(3)]
    names = {f"pc-{writer}-{number}" for writer in range(3) for number in range(40)}

    async def write(writer: int) -> None:
        for number in range(40):
            await change(others[writer], host(f"{writer}-{number}"))

    async def watch(hub: Hub, position: Position) -> list[Event]:
        async with aclosing(hub.follow(EVERYTHING, position)) as heard:
            return await events(heard, len(names))

    async with following(store) as hub, aclosing(hub.follow(EVERYTHING, None)) as live:
        began = await start(live)
        writing = [asyncio.create_task(write(writer)) for writer in range(3)]
        watching = [asyncio.create_task(watch(hub, began)) for _ in range(3)]
        seen = [await events(live, len(names)), *await asyncio.gather(*watching)]
        await asyncio.gather(*writing)
    for other in others:
        await other.database.close()

    for one in seen:
        assert {told.name.rpartition("/")[2] for told in one} == names
        positions = [told.position for told in one]
        assert positions == sorted(positions)
        for writer in range(3):
            own = [told.name for told in one if f"/pc-{writer}-" in told.name]
            assert own == [f"{ENG}/hosts/pc-{writer}-{number}" for number in range(40)]


async def test_what_commits_late_is_not_skipped(postgresql: PostgresqlServer) -> None:
    """Only on PostgreSQL: SQLite has one writer at a time."""
    store = Store(postgresql.new(MIGRATIONS))
    engine = create_engine(store.url, poolclass=NullPool)
    async with following(store, checkpoint_seconds=0.0) as hub:
        with engine.connect() as late:
            late.begin()
            async with aclosing(hub.follow(EVERYTHING, None)) as heard:
                await start(heard)
                note(late, [host("late")])
                await change(store, host("early"))
                # What stands behind the transaction that is under way has to wait for it.
                for _ in range(3):
                    assert isinstance(await anext(heard), Checkpoint)
                late.commit()

                assert await hears(heard, 2) == ["pc-late", "pc-early"]
    engine.dispose()
    await store.database.close()


async def test_changes_of_one_resource_that_follow_closely_come_as_one(store: Store) -> None:
    async with following(store) as hub, aclosing(hub.follow(EVERYTHING, None)) as heard:
        await start(heard)
        await change(store, host(1), host(2), host(1), host(3), host(1))

        assert await hears(heard, 3) == ["pc-2", "pc-3", "pc-1"]


@pytest.mark.parametrize(
    ("interest", "expected"),
    [
        (EVERYTHING, "c h1 a1 h2 x"),
        (Interest(ENG, frozenset(ResourceKind)), "c h1 a1 x"),
        (Interest(TENANT, frozenset({ResourceKind.HOST})), "h1 h2 x"),
        (Interest(ENG, frozenset({ResourceKind.COLLECTION, ResourceKind.ASSIGNMENT})), "c a1"),
        (Interest("tenantGroups/default/tenants/other", frozenset(ResourceKind)), "o"),
        (Interest("tenantGroups/default/tenants/o", frozenset(ResourceKind)), ""),
    ],
)
async def test_a_watcher_hears_of_what_it_asked_for(
    store: Store, interest: Interest, expected: str
) -> None:
    beside = f"{TENANT}/collections/engine"
    changed = {
        "c": Changed(ResourceKind.COLLECTION, ENG, 1),
        "h1": host(1),
        "a1": Changed(ResourceKind.ASSIGNMENT, f"{ENG}/hosts/pc-1/assignment", 1),
        "h2": host(2, beside),
        "o": host(1, OTHER),
        "x": host("last"),
    }
    short = {one.name: key for key, one in changed.items()}
    wanted = expected.split()
    async with following(store) as hub, aclosing(hub.follow(EVERYTHING, None)) as first:
        began = await start(first)
        async with aclosing(hub.follow(interest, None)) as live:
            await start(live)
            await change(store, *changed.values())
            found = [short[one.name] for one in await events(live, len(wanted))]
        async with aclosing(hub.follow(interest, began)) as late:
            caught_up = [short[one.name] for one in await events(late, len(wanted))]

    assert found == caught_up == wanted


async def test_an_event_has_the_resource_as_it_is_or_says_that_it_is_gone(store: Store) -> None:
    async with following(store) as hub, aclosing(hub.follow(EVERYTHING, None)) as heard:
        await store.make("pc-1", "pc-2")
        await start(heard)
        await store.set("alice@contoso.com", "PC-1")
        (assigned,) = await events(heard, 1)
        await store.remove(user="alice@contoso.com")
        (removed,) = await events(heard, 1)

    assert assigned.name == removed.name == f"{ENG}/hosts/pc-1/assignment"
    assert assigned.resource.hold.user == "alice@contoso.com"
    assert removed.resource is None


async def test_a_reader_that_falls_behind_is_sent_away_alone_and_may_resume(
    store: Store,
) -> None:
    async with following(store, queued=4) as hub, AsyncExitStack() as stack:
        slow = await stack.enter_async_context(aclosing(hub.follow(EVERYTHING, None)))
        quick = await stack.enter_async_context(aclosing(hub.follow(EVERYTHING, None)))
        began = await start(slow)
        await start(quick)
        for number in range(8):
            await change(store, host(number))
            assert await hears(quick, 1) == [f"pc-{number}"]

        with pytest.raises(Aborted) as caught:
            await events(slow, 8)

        assert caught.value.reason == "SLOW_READER"
        assert caught.value.metadata == {"position": str(began)}
        assert "take the watch up again" in caught.value.message
        async with aclosing(hub.follow(EVERYTHING, began)) as again:
            assert await hears(again, 8) == [f"pc-{number}" for number in range(8)]


async def test_one_reader_too_many_is_refused_and_a_place_becomes_free(store: Store) -> None:
    async with following(store, watchers=1) as hub:
        async with aclosing(hub.follow(EVERYTHING, None)) as heard:
            await start(heard)
            with pytest.raises(ResourceExhausted) as caught:
                await anext(hub.follow(EVERYTHING, None))
            assert (caught.value.reason, caught.value.metadata) == ("QUOTA", {"limit": "1"})
            assert caught.value.message == "1 watch already; retry later"
        async with aclosing(hub.follow(EVERYTHING, None)) as heard:
            await start(heard)


async def test_watchers_need_no_connections_of_their_own(store: Store) -> None:
    connections: list[object] = []
    for pool in store.database.pools:
        event.listen(pool.engine, "connect", lambda connection, _: connections.append(connection))

    async with following(store) as hub, AsyncExitStack() as stack:
        watches = [
            await stack.enter_async_context(aclosing(hub.follow(EVERYTHING, None)))
            for _ in range(50)
        ]
        await asyncio.gather(*map(start, watches))
        await change(store, host(1))
        assert await asyncio.gather(*(hears(one, 1) for one in watches)) == [["pc-1"]] * 50

    # As many as there are threads, however many watch.
    assert len(connections) <= sum(pool.figures.threads for pool in store.database.pools)


async def test_nobody_watching_means_nobody_asking_the_store(store: Store) -> None:
    async with following(store) as hub:
        async with aclosing(hub.follow(EVERYTHING, None)) as heard:
            began = await start(heard)
            assert hub._watched.is_set()
        assert not hub._watched.is_set()
        await change(store, host(1))
        async with aclosing(hub.follow(EVERYTHING, began)) as heard:
            assert await hears(heard, 1) == ["pc-1"]


async def test_closing_ends_every_watch_cleanly_and_refuses_new_ones(store: Store) -> None:
    async with following(store, checkpoint_seconds=1000) as hub:
        async with aclosing(hub.follow(EVERYTHING, None)) as heard:
            await start(heard)
            ending = asyncio.ensure_future(anext(heard, None))
            hub.close()
            while (last := await ending) is not None:  # a checkpoint that was on its way
                ending = asyncio.ensure_future(anext(heard, None))
            assert last is None
        with pytest.raises(Unavailable):
            await anext(hub.follow(EVERYTHING, None))


async def test_a_store_that_is_away_for_a_while_costs_no_watch_and_no_change(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    failed = asyncio.Event()

    async def down(*_: Any) -> None:
        failed.set()
        raise Unavailable("down")

    async with following(store) as hub, aclosing(hub.follow(EVERYTHING, None)) as heard:
        await start(heard)
        with monkeypatch.context() as broken:
            broken.setattr(store.database, "read", down)
            await failed.wait()
            await change(store, host(1))

        assert await hears(heard, 1) == ["pc-1"]


async def test_many_changes_at_once_are_read_in_pieces_and_none_is_missing(store: Store) -> None:
    async with following(store) as hub, aclosing(hub.follow(EVERYTHING, None)) as heard:
        await start(heard)
        await change(store, *(host(number) for number in range(1700)))

        assert await hears(heard, 1700) == [f"pc-{number}" for number in range(1700)]
    count = select(func.count()).select_from(tables.changes)
    assert await store.database.read(lambda tx: tx.execute(count).scalar()) == 1700
