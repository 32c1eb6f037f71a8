from __future__ import annotations

from collections import Counter

import pytest

from broker_service.collections.store import delete_collection
from broker_service.sessions.store import pooled_host
from deskhold.client import Client
from deskhold.errors import NotFound, ResourceExhausted
from deskhold.names import Kind, parse
from tests.broker_service.pair import Eng, Pair
from tests.broker_service.stores import AUTHOR, ENG, TENANT, Store, pcs, plans


@pytest.fixture
def pool(owner: Client, tenant: str) -> Eng:
    made = owner.create_collection(tenant, "pool", type="pooled", host_ids=pcs(8))
    return Eng(tenant, made.name)


def test_a_user_of_a_pool_gets_the_same_host_again_and_holds_none(
    pair: Pair, owner: Client, pool: Eng
) -> None:
    before = pair.dump()

    ways = [owner.connect(pool.name, user=user) for user in ("bob@contoso.com", "CONTOSO\\bob")]

    assert ways[0].host == ways[1].host
    assert not any(way.newly_assigned or way.administrator for way in ways)
    assert pair.dump() == before


def test_a_pool_without_hosts_has_none_free(owner: Client, tenant: str) -> None:
    name = owner.create_collection(tenant, "pool", type="pooled").name

    with pytest.raises(ResourceExhausted) as caught:
        owner.connect(name)

    assert caught.value.reason == "NO_FREE_HOST"
    assert caught.value.metadata == {"collection": name, "hosts": "0", "assigned": "0"}


async def test_users_spread_over_a_pool(store: Store) -> None:
    await store.make(*pcs(8), type="POOLED")
    target = parse(ENG, Kind.COLLECTION)

    ways = [
        await store.sessions.connect(target, f"user{number}@contoso.com", AUTHOR)
        for number in range(400)
    ]

    # The ring is cut at random, so shares differ; what counts is that nobody is alone with it.
    shares = Counter(way.host.key for way in ways)
    assert len(shares) >= 4


async def test_most_users_stay_where_they_are_when_a_host_is_added(store: Store) -> None:
    await store.make(*pcs(8), type="POOLED")
    target = parse(ENG, Kind.COLLECTION)
    users = [f"user{number}@contoso.com" for number in range(100)]

    async def hosts() -> list[str]:
        return [(await store.sessions.connect(target, user, AUTHOR)).host.key for user in users]

    before = await hosts()
    await store.remove_hosts("pc-00001")
    after = await hosts()

    assert "pc-00001" not in after
    assert all(was in ("pc-00001", now) for was, now in zip(before, after, strict=True))


async def test_the_place_of_a_user_is_found_in_the_index(store: Store) -> None:
    pool = await store.make(*pcs(100), type="POOLED")

    (found, *_) = await store.database.read(
        lambda connection: plans(
            connection, lambda: pooled_host(connection, pool, 5), "ORDER BY hosts.claim_key"
        )
    )

    assert "using free_hosts" in found
    assert "sort" not in found


async def test_in_a_pool_deleted_meanwhile_nobody_is_led_to_the_next_ones_host(
    store: Store,
) -> None:
    gone = await store.make(type="POOLED", name=f"{TENANT}/collections/gone")
    await store.database.writer.call(lambda connection: delete_collection(connection, gone))
    other = await store.make("pc-1", type="POOLED", name=f"{TENANT}/collections/other")
    # SQLite gives the number of a deleted row away again.
    assert store.url.startswith("postgresql") or other.id == gone.id

    with pytest.raises(NotFound) as caught:
        await store.database.read(lambda connection: pooled_host(connection, gone, 0))

    assert caught.value.reason == "COLLECTION_NOT_FOUND"
