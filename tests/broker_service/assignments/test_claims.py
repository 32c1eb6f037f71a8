from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest
from sqlalchemy import Connection, insert, update

from broker_service import tables
from broker_service.assignments.claims import Claim, Claimed, claim_hosts
from broker_service.collections.rules import Collection
from broker_service.collections.store import delete_collection
from deskhold.errors import DeskholdError, NotFound, ResourceExhausted
from tests.broker_service.stores import AUTHOR, TENANT, Store, pcs, person, plans

Answers = Sequence[Claimed | DeskholdError]


def users(count: int) -> list[str]:
    return [f"user{number:05}@contoso.com" for number in range(count)]


async def claimed(store: Store, collection: Collection, *names: str) -> Answers:
    """Claim for all of them in one batch."""
    claims = [Claim(collection, person(name), AUTHOR) for name in names]
    return await store.database.writer.call(lambda connection: claim_hosts(connection, claims))


def hosts_of(answers: Answers) -> list[str]:
    return [one.host.key for one in answers if isinstance(one, Claimed)]


async def test_every_user_of_a_batch_gets_a_host_of_their_own(store: Store) -> None:
    eng = await store.make(*pcs(64))

    answers = await claimed(store, eng, *users(64))

    assert sorted(hosts_of(answers)) == pcs(64)
    assert await store.holdings() == dict(zip(hosts_of(answers), users(64), strict=True))


async def test_a_user_twice_in_a_batch_gets_one_host_and_one_news_of_it(store: Store) -> None:
    eng = await store.make(*pcs(5))

    answers = await claimed(
        store, eng, "alice@contoso.com", "bob@contoso.com", "CONTOSO\\Alice", "ALICE@contoso.com"
    )

    alice, bob, again, once_more = hosts_of(answers)
    assert alice == again == once_more != bob
    assert [one.is_new for one in answers if isinstance(one, Claimed)] == [
        True,
        True,
        False,
        False,
    ]
    assert len(await store.holdings()) == len(await store.history()) == 2


async def test_claiming_again_gives_the_same_host(store: Store) -> None:
    eng = await store.make(*pcs(5))
    (first,) = await claimed(store, eng, "alice@contoso.com")

    (again,) = await claimed(store, eng, "CONTOSO\\alice")

    assert isinstance(first, Claimed)
    assert isinstance(again, Claimed)
    assert (first.is_new, again.is_new) == (True, False)
    assert again.host.id == first.host.id
    assert len(await store.history()) == 1


async def test_of_several_hosts_the_first_one_given_is_claimed_again(store: Store) -> None:
    eng = await store.make("c", "b", "a", max_desktops_per_user=3)
    for host_id in ("b", "c", "a"):
        await store.set("alice@contoso.com", host_id)

    assert hosts_of(await claimed(store, eng, "alice@contoso.com")) == ["b"]


async def test_the_last_hosts_are_found_wherever_they_stand_in_the_ring(store: Store) -> None:
    eng = await store.make(*pcs(30))
    given: list[str] = []
    for name in users(30):
        given += hosts_of(await claimed(store, eng, name))

    assert sorted(given) == pcs(30)


async def test_those_for_whom_none_is_left_are_told_the_counts(store: Store) -> None:
    eng = await store.make(*pcs(3))

    answers = await claimed(store, eng, *users(5))

    assert len(hosts_of(answers)) == 3
    refused = [one for one in answers if isinstance(one, DeskholdError)]
    assert len(refused) == 2
    for refusal in refused:
        assert isinstance(refusal, ResourceExhausted)
        assert refusal.reason == "NO_FREE_HOST"
        assert refusal.metadata == {"collection": eng.name, "hosts": "3", "assigned": "3"}


async def test_one_batch_serves_several_collections(store: Store) -> None:
    first = await store.make("a-1", name=f"{TENANT}/collections/a")
    second = await store.make("b-1", name=f"{TENANT}/collections/b")
    claims = [
        Claim(collection, person(name), AUTHOR)
        for collection in (first, second)
        for name in ("alice@contoso.com", "bob@contoso.com")
    ]

    answers = await store.database.writer.call(lambda connection: claim_hosts(connection, claims))

    assert [isinstance(one, Claimed) for one in answers] == [True, False, True, False]
    assert await store.holdings() == {"a-1": "alice@contoso.com", "b-1": "alice@contoso.com"}


async def test_a_claim_in_a_collection_deleted_meanwhile_takes_no_host_of_the_next(
    store: Store,
) -> None:
    gone = await store.make(name=f"{TENANT}/collections/gone")
    await store.database.writer.call(lambda connection: delete_collection(connection, gone))
    other = await store.make("pc-1", "pc-2", name=f"{TENANT}/collections/other")
    # SQLite gives the number of a deleted row away again; this test is about that.
    assert other.id == gone.id

    late, beside = await asyncio.gather(
        store.claim(gone, "alice@contoso.com"),
        store.claim(other, "bob@contoso.com"),
        return_exceptions=True,
    )

    assert isinstance(late, NotFound)
    assert late.reason == "COLLECTION_NOT_FOUND"
    assert isinstance(beside, Claimed)
    assert list((await store.holdings()).values()) == ["bob@contoso.com"]


async def test_claims_that_wait_together_share_a_transaction_and_all_are_served(
    store: Store,
) -> None:
    eng = await store.make(*pcs(200))

    answers = await asyncio.gather(*(store.claim(eng, name) for name in users(200)))

    assert sorted(one.host.key for one in answers) == pcs(200)
    assert await store.holdings() == {
        one.host.key: name for one, name in zip(answers, users(200), strict=True)
    }


@pytest.mark.parametrize("percent", [0, 50, 95])
async def test_a_claim_looks_at_free_hosts_only_however_many_are_assigned(
    store: Store, percent: int
) -> None:
    eng = await store.make(*pcs(2000))
    await store.database.writer.call(lambda connection: assign(connection, 20 * percent))

    claims = [Claim(eng, person(f"new{number}@contoso.com"), AUTHOR) for number in range(4)]
    found = await store.database.writer.call(
        lambda connection: plans(
            connection, lambda: claim_hosts(connection, claims), "ORDER BY hosts.claim_key"
        )
    )

    assert found
    for plan in found:
        assert "USING INDEX free_hosts" in plan
        assert "TEMP B-TREE" not in plan


def assign(connection: Connection, count: int) -> None:
    rows = [(number, f"user{number}@contoso.com") for number in range(1, count + 1)]
    for host, user in rows:
        values = {"user": user, "user_key": user, "slot": 0, "assigned_us": 1, "assigned_by": "x"}
        connection.execute(update(tables.hosts).where(tables.hosts.c.id == host).values(values))


async def test_history_is_part_of_the_claim(store: Store) -> None:
    eng = await store.make("pc-1")

    def claim_and_fail(connection: Connection) -> None:
        claim_hosts(connection, [Claim(eng, person("alice@contoso.com"), AUTHOR)])
        connection.execute(insert(tables.app_groups).values(collection_id=-1))

    with pytest.raises(Exception, match="constraint failed"):
        await store.database.writer.call(claim_and_fail)

    assert await store.holdings() == {}
    assert await store.history() == []
