from __future__ import annotations

import asyncio
from collections import Counter

import pytest
from sqlalchemy import select, update

from broker_service.assignments.claims import RANKS, Claim
from broker_service.collections.rules import LoadBalancing
from broker_service.collections.store import delete_collection
from broker_service.hosts.rules import NewConnections
from broker_service.sessions.placement import place_users
from broker_service.sessions.rules import SIGN_IN_US
from broker_service.tables import hosts, sign_ins
from deskhold.client import Client
from deskhold.errors import NotFound, ResourceExhausted
from tests.broker_service.pair import Eng, Pair
from tests.broker_service.plans import plans
from tests.broker_service.stores import AUTHOR, TENANT, Store, pcs, person

DEPTH_FIRST = LoadBalancing.DEPTH_FIRST


def users(count: int) -> list[str]:
    return [f"user{number:05}@contoso.com" for number in range(count)]


async def shares(store: Store, count: int) -> Counter[str]:
    """Let so many users come at once; return how many were sent to which host."""
    ways = await asyncio.gather(*map(store.connect, users(count)))
    return Counter(way.host.key for way in ways)


@pytest.fixture
def pool(owner: Client, tenant: str) -> Eng:
    made = owner.create_collection(tenant, "pool", type="pooled", host_ids=pcs(8))
    return Eng(tenant, made.name)


def test_a_user_of_a_pool_gets_the_same_host_again_and_holds_none(
    pair: Pair, owner: Client, pool: Eng
) -> None:
    first = owner.connect(pool.name, user="bob@contoso.com")
    before = pair.dump()

    again = owner.connect(pool.name, user="CONTOSO\\bob")

    assert first.host == again.host
    assert not any(way.newly_assigned or way.administrator for way in (first, again))
    assert pair.dump() == before
    assert owner.get_collection(pool.name).assigned_host_count == 0


def test_a_pool_without_hosts_has_none_free(owner: Client, tenant: str) -> None:
    name = owner.create_collection(tenant, "pool", type="pooled").name

    with pytest.raises(ResourceExhausted) as caught:
        owner.connect(name)

    assert caught.value.reason == "NO_FREE_HOST"
    assert caught.value.metadata == {"collection": name, "hosts": "0", "assigned": "0"}
    assert caught.value.message == f"{name} has no hosts; ask its administrator for another host"


async def test_1000_users_at_once_are_spread_evenly_before_any_session_is_reported(
    store: Store,
) -> None:
    await store.make(*pcs(10), type="POOLED")

    assert await shares(store, 1000) == dict.fromkeys(pcs(10), 100)

    assert {row.sign_in_count for row in await store.host_rows()} == {100}


async def test_a_host_of_half_the_weight_gets_half_as_many(store: Store) -> None:
    await store.make("big", "small", type="POOLED")
    await store.change_host("small", relative_weight=50)

    assert await shares(store, 30) == {"big": 20, "small": 10}


async def test_one_after_the_other_users_go_to_the_least_loaded_host(store: Store) -> None:
    await store.make("a", "b", "c", type="POOLED")
    for host, count in (("a", 2), ("b", 0), ("c", 5)):
        await store.change_host(host, session_count=count)

    came = [(await store.connect(user)).host.key for user in users(3)]

    assert came[:2] == ["b", "b"]
    assert came[2] in ("a", "b")


async def test_depth_first_fills_a_host_before_the_next(store: Store) -> None:
    await store.make(
        "a", "b", "c", type="POOLED", load_balancing=DEPTH_FIRST, max_sessions_per_host=3
    )

    counts = [sorted((await shares_so_far(store, number)).values()) for number in (2, 4, 9)]

    assert counts == [[2], [1, 3], [3, 3, 3]]


async def shares_so_far(store: Store, count: int) -> Counter[str]:
    return Counter([(await store.connect(user)).host.key for user in users(count)])


async def test_depth_first_goes_by_weight_too(store: Store) -> None:
    await store.make("a", "b", type="POOLED", load_balancing=DEPTH_FIRST)
    await store.change_host("a", session_count=4, relative_weight=200)
    await store.change_host("b", session_count=3, relative_weight=100)

    assert await shares(store, 2) == {"b": 2}


@pytest.mark.parametrize("rule", LoadBalancing)
async def test_no_host_takes_more_than_its_own_limit_or_else_the_collections(
    store: Store, rule: LoadBalancing
) -> None:
    await store.make("a", "b", "c", type="POOLED", load_balancing=rule, max_sessions_per_host=2)
    await store.change_host("b", session_limit=4)
    await store.change_host("c", session_count=1)

    came = await asyncio.gather(*map(store.connect, users(9)), return_exceptions=True)

    refused = [one for one in came if isinstance(one, BaseException)]
    assert len(refused) == 2
    assert all(isinstance(one, ResourceExhausted) for one in refused)
    assert {row.host_key: row.sign_in_count for row in await store.host_rows()} == {
        "a": 2,
        "b": 4,
        "c": 1,
    }


async def test_a_full_pool_is_refused_with_counts_and_a_reason_for_each_host(
    store: Store,
) -> None:
    made = await store.make("a", "b", "c", "d", type="POOLED", max_sessions_per_host=1)
    await store.change_host("a", session_count=1)
    await store.change_host("b", session_count=1)
    await store.change_host("c", new_connections=NewConnections.NO.value)
    await store.say("d", "UNAVAILABLE")

    with pytest.raises(ResourceExhausted) as caught:
        await store.connect("bob@contoso.com")

    assert caught.value.reason == "NO_FREE_HOST"
    assert caught.value.message == (
        f"no host of {made.name} takes another user: 1 draining, 1 unavailable, 2 full;"
        " ask its administrator for another host"
    )
    assert caught.value.metadata == {
        "collection": made.name,
        "hosts": "4",
        "assigned": "0",
        "draining": "1",
        "unavailable": "1",
        "full": "2",
    }
    assert [(one.reason, one.subject) for one in caught.value.obstacles] == [
        ("HOST_FULL", f"{made.name}/hosts/a"),
        ("HOST_FULL", f"{made.name}/hosts/b"),
        ("HOST_DRAINING", f"{made.name}/hosts/c"),
        ("HOST_UNAVAILABLE", f"{made.name}/hosts/d"),
    ]


async def test_hosts_known_to_be_well_come_before_those_without_an_agent(store: Store) -> None:
    await store.make("a", "b", "c", type="POOLED", max_sessions_per_host=2)
    await store.say("c", "AVAILABLE")
    await store.say("a", "UNAVAILABLE")

    came = [(await store.connect(user)).host.key for user in users(4)]

    assert came == ["c", "c", "b", "b"]


async def test_a_session_leads_back_to_its_host_also_when_that_is_draining(store: Store) -> None:
    await store.make("a", "b", type="POOLED")
    await store.sign_in("bob@contoso.com", "b", 7)
    await store.change_host("b", new_connections=NewConnections.NO.value)

    way = await store.connect("CONTOSO\\bob")

    assert way.session.endswith("/hosts/b/sessions/7")
    assert (await store.connect("carol@contoso.com")).host.key == "a"
    assert await store.rows(select(sign_ins.c.user_key)) == [("carol@contoso.com",)]


async def test_who_was_sent_to_a_host_that_closes_meanwhile_is_sent_to_another(
    store: Store,
) -> None:
    await store.make("a", "b", type="POOLED")
    first = (await store.connect("bob@contoso.com")).host.key
    await store.change_host(first, new_connections=NewConnections.NO.value)

    again = (await store.connect("bob@contoso.com")).host.key

    assert {first, again} == {"a", "b"}
    assert {row.host_key: row.sign_in_count for row in await store.host_rows()} == {
        first: 0,
        again: 1,
    }


async def test_a_sign_in_that_has_run_out_is_placed_anew_and_counts_once(store: Store) -> None:
    await store.make("a", "b", type="POOLED")
    first = await store.connect("bob@contoso.com")
    await store.change_host(first.host.key, session_count=3)

    later = await store.connect("bob@contoso.com", at_us=AUTHOR.now_us + SIGN_IN_US)

    assert later.host.key != first.host.key
    assert sum(row.sign_in_count for row in await store.host_rows()) == 1


@pytest.mark.parametrize("rule", LoadBalancing)
async def test_the_best_host_is_found_in_the_index(store: Store, rule: LoadBalancing) -> None:
    pool = await store.make(*pcs(2000), type="POOLED", load_balancing=rule)
    claims = [Claim(pool, person(user), AUTHOR._replace()) for user in users(2)]

    found = await store.commit(
        lambda connection: plans(
            connection, lambda: place_users(connection, pool, claims, RANKS), "ORDER BY hosts.load"
        )
    )

    assert found
    for plan in found:
        assert "using hosts_by_load" in plan
        assert "sort" not in plan


async def test_in_a_pool_deleted_meanwhile_nobody_is_led_to_the_next_ones_host(
    store: Store,
) -> None:
    gone = await store.make(type="POOLED", name=f"{TENANT}/collections/gone")
    await store.database.write(lambda connection: delete_collection(connection, gone))
    other = await store.make("pc-1", type="POOLED", name=f"{TENANT}/collections/other")
    # SQLite gives the number of a deleted row away again.
    assert store.url.startswith("postgresql") or other.id == gone.id

    claim = Claim(gone, person("bob@contoso.com"), AUTHOR)
    with pytest.raises(NotFound) as caught:
        await store.commit(lambda connection: place_users(connection, gone, [claim], RANKS))

    assert caught.value.reason == "COLLECTION_NOT_FOUND"


async def test_the_load_that_is_reckoned_in_memory_is_that_of_the_store(store: Store) -> None:
    await store.make("a", type="POOLED")
    await store.commit(
        lambda connection: connection.execute(update(hosts).values(relative_weight=7))
    )

    way = await store.connect("bob@contoso.com")

    assert (await store.host_rows())[0].load == way.host.load.relative == 1428
