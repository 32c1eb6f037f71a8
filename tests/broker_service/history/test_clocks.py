"""Whatever clocks say, history never names two holders of a host at one time."""

from __future__ import annotations

import itertools
from collections.abc import Awaitable, Callable
from functools import partial

import pytest

from broker_service.collections.store import delete_collection
from broker_service.history.rules import Author, Period
from tests.broker_service.stores import AUTHOR, ENG, Store

ALICE, BOB, CAROL = (f"{name}@contoso.com" for name in ("alice", "bob", "carol"))
HOUR_US = 3600 * 1_000_000
NOW_US = 100 * HOUR_US


def at(now_us: int) -> Author:
    return AUTHOR._replace(now_us=now_us)


BACK = at(NOW_US - HOUR_US)


async def periods_of(store: Store, host_id: str) -> list[Period]:
    """Return the periods of a host, the oldest first."""
    return sorted(await store.list_periods(host_id=host_id), key=lambda one: one.id)


async def require_one_holder(store: Store) -> None:
    for host_id in ("pc-1", "pc-2"):
        periods = await periods_of(store, host_id)
        for one in periods:
            assert one.end is None or one.start.time_us <= one.end.time_us
        for before, after in itertools.pairwise(periods):
            assert before.end is not None
            assert before.end.time_us <= after.start.time_us


async def displace(store: Store) -> None:
    await store.set(BOB, "pc-1", force=True, author=BACK)


async def remove_and_set(store: Store) -> None:
    await store.remove(host_id="pc-1", author=BACK)
    await store.set(BOB, "pc-1", author=BACK)


async def move_away(store: Store) -> None:
    await store.move("pc-1", "pc-2", author=BACK)
    await store.set(BOB, "pc-1", author=BACK)


async def swap(store: Store) -> None:
    await store.set(BOB, "pc-2", author=BACK)
    await store.swap("pc-1", "pc-2", author=BACK)


async def import_rows(store: Store) -> None:
    await store.transfers.import_file(
        ENG,
        f"pc-1,{BOB}\n".encode(),
        replace=True,
        validate_only=False,
        author=BACK,
        commit=store.commit,
    )


async def remove_and_add_the_host(store: Store) -> None:
    await store.hosts.remove(ENG, ["pc-1"], force=True, author=BACK, commit=store.commit)
    await store.add_hosts("pc-1")
    await store.set(BOB, "pc-1", author=BACK)


async def delete_and_make_the_collection(store: Store) -> None:
    await store.hosts.remove(ENG, ["pc-1", "pc-2"], force=True, author=BACK, commit=store.commit)
    await store.commit(partial(delete_collection, collection=await store.collections.get(ENG)))
    await store.make("pc-1", "pc-2")
    await store.set(BOB, "pc-1", author=BACK)


async def claim(store: Store) -> None:
    await store.remove(host_id="pc-1", author=BACK)
    for user in (BOB, CAROL):
        await store.connect(user, at_us=BACK.now_us)


@pytest.mark.parametrize(
    "act",
    [
        displace,
        remove_and_set,
        move_away,
        swap,
        import_rows,
        remove_and_add_the_host,
        delete_and_make_the_collection,
        claim,
    ],
)
async def test_a_clock_that_is_set_back_ends_no_period_before_it_begins(
    store: Store, act: Callable[[Store], Awaitable[None]]
) -> None:
    await store.make("pc-1", "pc-2", auto_assign_user=True)
    await store.set(ALICE, "pc-1", author=at(NOW_US))

    await act(store)

    assert len(await store.list_periods()) > 1
    await require_one_holder(store)


async def test_a_host_is_held_by_one_user_whatever_the_clocks_of_two_brokers_say(
    store: Store, database_url: str
) -> None:
    await store.make("pc-1", "pc-2")
    behind = Store(database_url)
    await store.set(ALICE, "pc-1", author=at(NOW_US))
    await behind.remove(host_id="pc-1", author=BACK)
    await store.set(BOB, "pc-1", author=at(NOW_US + 1))
    await behind.set(CAROL, "pc-1", force=True, author=BACK)
    await behind.database.close()

    await require_one_holder(store)
    assert [one.user for one in await periods_of(store, "pc-1")] == [ALICE, BOB, CAROL]


async def test_a_claim_that_arrived_before_a_removal_but_commits_after_it_begins_after_it(
    store: Store,
) -> None:
    await store.make("pc-1", auto_assign_user=True)
    await store.set(BOB, "pc-1", author=at(50))
    await store.remove(host_id="pc-1", author=at(101))
    await store.connect(ALICE, at_us=100)

    holders = [
        [one.user for one in await store.list_periods(host_id="pc-1", at_us=time_us)]
        for time_us in (99, 100, 101)
    ]
    assert holders == [[BOB], [BOB], [ALICE]]


async def test_an_assignment_is_dated_as_its_period(store: Store) -> None:
    await store.make("pc-1", "pc-2")
    await store.set(ALICE, "pc-1", author=at(NOW_US))
    await store.set(BOB, "pc-1", force=True, author=BACK)

    host = await store.host("pc-1")
    (_, period) = await periods_of(store, "pc-1")
    assert host.hold is not None
    assert host.hold.assigned_us == host.updated_us == period.start.time_us == NOW_US
