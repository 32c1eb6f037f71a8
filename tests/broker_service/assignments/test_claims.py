from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest
from sqlalchemy import Connection, event, insert, update
from sqlalchemy.exc import IntegrityError

from broker_service import tables
from broker_service.collections.rules import Collection
from broker_service.collections.store import delete_collection
from broker_service.sessions.rules import Arrival, Ask, Way
from broker_service.sessions.store import find_or_claim
from broker_service.sessions.usecases import WayIn
from deskhold.errors import DeskholdError, NotFound
from deskhold.names import DESKTOP_APP_GROUP
from tests.broker_service.plans import plans
from tests.broker_service.stores import AUTHOR, ENG, TENANT, Store, pcs, person

Answers = Sequence[Way | DeskholdError]


def users(count: int) -> list[str]:
    return [f"user{number:05}@contoso.com" for number in range(count)]


def arrival(user: str, name: str = ENG) -> Arrival:
    who = person(user)
    # An author of its own, as every call has.
    return Arrival(Ask(name, DESKTOP_APP_GROUP, who.key), who, AUTHOR._replace())


async def made(
    store: Store, *host_ids: str, name: str = ENG, max_desktops_per_user: int = 1
) -> Collection:
    """Add a collection that assigns automatically."""
    return await store.make(
        *host_ids, name=name, auto_assign_user=True, max_desktops_per_user=max_desktops_per_user
    )


async def claimed(store: Store, *arrivals: Arrival | str) -> Answers:
    """Let all of them, users of `eng` if nothing else is said, arrive in one batch."""
    batch = [arrival(one) if isinstance(one, str) else one for one in arrivals]
    return await store.database.write(lambda connection: find_or_claim(connection, batch))


def ways_of(answers: Answers) -> list[Way]:
    return [one for one in answers if isinstance(one, Way) and one.host is not None]


def hosts_of(answers: Answers) -> list[str]:
    return [one.host.key for one in ways_of(answers) if one.host is not None]


async def test_every_user_of_a_batch_gets_a_host_of_their_own(store: Store) -> None:
    await made(store, *pcs(64))

    answers = await claimed(store, *users(64))

    assert sorted(hosts_of(answers)) == pcs(64)
    assert await store.holdings() == dict(zip(hosts_of(answers), users(64), strict=True))


async def test_a_user_twice_in_a_batch_gets_one_host_and_one_news_of_it(store: Store) -> None:
    await made(store, *pcs(5))

    answers = await claimed(
        store, "alice@contoso.com", "bob@contoso.com", "CONTOSO\\Alice", "ALICE@contoso.com"
    )

    alice, bob, again, once_more = hosts_of(answers)
    assert alice == again == once_more != bob
    assert [one.is_new for one in ways_of(answers)] == [True, True, False, False]
    assert len(await store.holdings()) == len(await store.history()) == 2


async def test_claiming_again_gives_the_same_host(store: Store) -> None:
    await made(store, *pcs(5))
    first = await store.connect("alice@contoso.com")

    again = await store.connect("CONTOSO\\alice")

    assert (first.is_new, again.is_new) == (True, False)
    assert again.host.id == first.host.id
    assert len(await store.history()) == 1


async def test_of_several_hosts_the_first_one_given_is_claimed_again(store: Store) -> None:
    await made(store, "c", "b", "a", max_desktops_per_user=3)
    for host_id in ("b", "c", "a"):
        await store.set("alice@contoso.com", host_id)

    assert hosts_of(await claimed(store, "alice@contoso.com")) == ["b"]


async def test_the_last_hosts_are_found_wherever_they_stand_in_the_ring(store: Store) -> None:
    await made(store, *pcs(30))
    given: list[str] = []
    for name in users(30):
        given += hosts_of(await claimed(store, name))

    assert sorted(given) == pcs(30)


async def test_those_for_whom_none_is_left_get_a_way_without_a_host(store: Store) -> None:
    await made(store, *pcs(3))

    answers = await claimed(store, *users(5))

    assert len(set(hosts_of(answers))) == 3
    assert [one.wants_host for one in answers if isinstance(one, Way)] == [False] * 3 + [True] * 2
    assert len(await store.history()) == 3


async def test_one_batch_serves_several_collections(store: Store) -> None:
    names = [f"{TENANT}/collections/a", f"{TENANT}/collections/b"]
    for name, host_id in zip(names, ("a-1", "b-1"), strict=True):
        await made(store, host_id, name=name)

    answers = await claimed(
        store,
        *(arrival(user, name) for name in names for user in ("alice@contoso.com", "bob@x.com")),
    )

    assert [bool(ways_of([one])) for one in answers] == [True, False, True, False]
    assert await store.holdings() == {"a-1": "alice@contoso.com", "b-1": "alice@contoso.com"}


async def test_a_claim_in_a_collection_deleted_meanwhile_takes_no_host_of_the_next(
    store: Store,
) -> None:
    names = [f"{TENANT}/collections/gone", f"{TENANT}/collections/other"]
    gone = await made(store, name=names[0])
    await store.commit(lambda connection: delete_collection(connection, gone))
    # On SQLite it has the number of the deleted row: numbers are given away again there.
    await made(store, "pc-1", "pc-2", name=names[1])

    late, beside = await asyncio.gather(
        store.connect("alice@contoso.com", name=names[0]),
        store.connect("bob@contoso.com", name=names[1]),
        return_exceptions=True,
    )

    assert isinstance(late, NotFound)
    assert late.reason == "COLLECTION_NOT_FOUND"
    assert isinstance(beside, WayIn)
    assert list((await store.holdings()).values()) == ["bob@contoso.com"]


async def test_claims_that_wait_together_share_a_transaction_and_all_are_served(
    store: Store,
) -> None:
    await made(store, *pcs(200))

    ways = await asyncio.gather(*map(store.connect, users(200)))

    assert sorted(way.host.key for way in ways) == pcs(200)
    assert await store.holdings() == {
        way.host.key: name for way, name in zip(ways, users(200), strict=True)
    }


@pytest.mark.parametrize("percent", [0, 50, 95])
async def test_a_claim_looks_at_free_hosts_only_however_many_are_assigned(
    store: Store, percent: int
) -> None:
    await made(store, *pcs(2000))
    await store.commit(lambda connection: assign(connection, 20 * percent))

    batch = [arrival(f"new{number}@contoso.com") for number in range(4)]
    found = await store.commit(
        lambda connection: plans(
            connection, lambda: find_or_claim(connection, batch), "ORDER BY hosts.claim_key"
        )
    )

    assert found
    for plan in found:
        assert "using free_hosts" in plan
        assert "claim_rank" in plan
        assert "sort" not in plan
        assert "scan" not in plan.replace("index scan", "").replace("index only scan", "")


@pytest.mark.parametrize("percent", [0, 50, 95])
async def test_what_a_collection_can_give_is_seen_in_the_index(store: Store, percent: int) -> None:
    await made(store, *pcs(2000))
    await store.commit(lambda connection: assign(connection, 20 * percent))

    batch = [arrival("new@contoso.com")]
    (plan,) = await store.commit(
        lambda connection: plans(
            connection, lambda: find_or_claim(connection, batch), "AS keeps_hosts"
        )
    )

    for index in ("reserved_hosts", "free_hosts"):
        assert f"using {index}" in plan.replace("covering index ", "")
    assert "sort" not in plan


async def test_nothing_is_looked_for_that_the_collection_cannot_give(store: Store) -> None:
    await made(store, *pcs(64))

    def asked(connection: Connection, user: str) -> list[str]:
        seen: list[str] = []

        def see(_: object, __: object, statement: str, *___: object) -> None:
            seen.append(statement)

        event.listen(connection.engine, "before_cursor_execute", see)
        find_or_claim(connection, [arrival(user)])
        event.remove(connection.engine, "before_cursor_execute", see)
        return seen

    def queries(statements: Sequence[str], containing: str) -> int:
        return sum(containing in one and one.startswith("SELECT") for one in statements)

    first = await store.commit(lambda connection: asked(connection, "alice@contoso.com"))
    await store.add_hosts("pc-kept")
    await store.reserve("bob@contoso.com", "pc-kept", until_us=AUTHOR.now_us + 1)
    second = await store.commit(lambda connection: asked(connection, "carol@contoso.com"))

    # One of the hosts whose state nobody knows, perhaps one from the other end.
    assert 1 <= queries(first, "ORDER BY hosts.claim_key") <= 2
    assert queries(first, "hosts.reserved_user_key IN") == 0
    assert queries(second, "hosts.reserved_user_key IN") == 1
    assert queries(first, "sessions.user_key IN") == 0


def assign(connection: Connection, count: int) -> None:
    rows = [(number, f"user{number}@contoso.com") for number in range(1, count + 1)]
    for host, user in rows:
        values = {"user": user, "user_key": user, "slot": 0, "assigned_us": 1, "assigned_by": "x"}
        connection.execute(update(tables.hosts).where(tables.hosts.c.id == host).values(values))


async def test_history_is_part_of_the_claim(store: Store) -> None:
    await made(store, "pc-1")

    def claim_and_fail(connection: Connection) -> None:
        find_or_claim(connection, [arrival("alice@contoso.com")])
        connection.execute(insert(tables.app_groups).values(collection_id=-1))

    with pytest.raises(IntegrityError):
        await store.commit(claim_and_fail)

    assert await store.holdings() == {}
    assert await store.history() == []
