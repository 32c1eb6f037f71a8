"""Whose host a user of a personal collection is led to."""

from __future__ import annotations

import asyncio

import pytest

from broker_service.hosts.rules import NewConnections
from deskhold.errors import FailedPrecondition, ResourceExhausted
from tests.broker_service.stores import AUTHOR, ENG, Store, pcs

ALICE, BOB, CAROL = "alice@contoso.com", "bob@contoso.com", "carol@contoso.com"
LATER = AUTHOR.now_us + 1
CLOSED = {"new_connections": NewConnections.NO.value}


@pytest.mark.parametrize("auto_assign_user", [False, True])
async def test_what_is_kept_for_a_user_is_theirs_at_the_first_sign_in(
    store: Store, auto_assign_user: bool
) -> None:
    await store.make(*pcs(5), auto_assign_user=auto_assign_user)
    await store.keep(ALICE, "pc-00003", LATER)

    way = await store.connect("CONTOSO\\Alice")

    assert (way.host.key, way.is_new) == ("pc-00003", True)
    assert await store.holdings() == {"pc-00003": ALICE}
    assert {row.reserved_user_key for row in await store.host_rows()} == {None}
    assert len(await store.history()) == 1


async def test_of_several_that_are_kept_the_one_that_ends_first_is_given(store: Store) -> None:
    await store.make("a", "b", "c")
    for host, until_us in (("a", LATER + 2), ("b", LATER), ("c", LATER + 1)):
        await store.keep(ALICE, host, until_us)

    assert (await store.connect(ALICE)).host.key == "b"
    assert (await store.connect(ALICE)).host.key == "b"


async def test_what_is_kept_for_another_is_passed_over(store: Store) -> None:
    made = await store.make("a", "b", auto_assign_user=True)
    await store.keep(ALICE, "a", LATER)

    assert (await store.connect(BOB)).host.key == "b"
    with pytest.raises(ResourceExhausted) as caught:
        await store.connect(CAROL)

    assert caught.value.metadata == {
        "collection": made.name,
        "hosts": "2",
        "assigned": "1",
        "reserved": "1",
    }
    assert [(one.reason, one.description) for one in caught.value.obstacles] == [
        ("HOST_RESERVED", "a is kept for another user"),
        ("HOST_HELD", "b is assigned"),
    ]


async def test_a_lapsed_reservation_is_given_to_anybody_when_nothing_else_is_free(
    store: Store,
) -> None:
    await store.make("a", "b", auto_assign_user=True)
    await store.keep(ALICE, "a", AUTHOR.now_us)

    came = [(await store.connect(user)).host.key for user in (BOB, CAROL)]

    assert came == ["b", "a"]
    assert {row.reserved_user for row in await store.host_rows()} == {None}


async def test_free_and_lapsed_hosts_are_given_to_one_batch_each_once(store: Store) -> None:
    await store.make("a", "b", "c", auto_assign_user=True)
    await store.keep(ALICE, "a", AUTHOR.now_us)

    names = [f"user{number}@contoso.com" for number in range(3)]
    ways = await asyncio.gather(*map(store.connect, names))

    assert sorted(way.host.key for way in ways) == ["a", "b", "c"]
    assert len(await store.history()) == 3


async def test_a_lapsed_reservation_is_no_reason_not_even_to_who_only_asks(store: Store) -> None:
    await store.make("a", auto_assign_user=True)
    await store.keep(ALICE, "a", AUTHOR.now_us)
    await store.change_host("a", **CLOSED)

    told = []
    for only_say in (True, False):
        with pytest.raises(ResourceExhausted) as caught:
            await store.connect(BOB, only_say=only_say)
        told.append(caught.value.metadata)

    assert told[0] == told[1] == {"collection": ENG, "hosts": "1", "assigned": "0", "draining": "1"}


async def test_a_lapsed_reservation_gives_its_user_nothing(store: Store) -> None:
    await store.make("a")
    await store.keep(ALICE, "a", AUTHOR.now_us)

    with pytest.raises(FailedPrecondition) as caught:
        await store.connect(ALICE)

    assert caught.value.reason == "NOT_ASSIGNED"
    assert await store.holdings() == {}


@pytest.mark.parametrize("what_if", [False, True])
async def test_a_host_that_is_kept_and_drained_is_theirs_and_refused(
    store: Store, what_if: bool
) -> None:
    await store.make("a", "b", auto_assign_user=True)
    await store.keep(ALICE, "a", LATER)
    await store.say("a", "UNAVAILABLE")

    with pytest.raises(FailedPrecondition) as caught:
        await store.connect(ALICE, only_say=what_if)

    assert caught.value.reason == "HOST_UNAVAILABLE"
    assert await store.holdings() == ({} if what_if else {"a": ALICE})


async def test_hosts_known_to_be_well_are_given_first(store: Store) -> None:
    await store.make(*pcs(6), auto_assign_user=True)
    for number, status in ((2, "AVAILABLE"), (5, "NEEDS_ASSISTANCE"), (6, "UNAVAILABLE")):
        await store.say(f"pc-0000{number}", status)

    came = [(await store.connect(f"user{number}@contoso.com")).host.key for number in range(5)]

    assert set(came[:2]) == {"pc-00002", "pc-00005"}
    assert set(came[2:]) == {"pc-00001", "pc-00003", "pc-00004"}


async def test_what_nobody_should_have_is_never_given_and_is_told_by_reason(
    store: Store,
) -> None:
    made = await store.make(*"abcdef", auto_assign_user=True)
    await store.set(CAROL, "a")
    await store.change_host("b", quarantined_us=1)
    await store.keep(ALICE, "c", LATER)
    await store.change_host("d", **CLOSED)
    await store.change_host("e", new_connections=NewConnections.NOT_UNTIL_REBOOT.value)
    await store.say("f", "UNAVAILABLE")

    with pytest.raises(ResourceExhausted) as caught:
        await store.connect(BOB)

    assert caught.value.reason == "NO_FREE_HOST"
    assert caught.value.message == (
        f"no host of {made.name} takes another user: 1 assigned, 1 quarantined, 1 reserved,"
        " 2 draining, 1 unavailable; ask its administrator for another host"
    )
    assert caught.value.metadata == {
        "collection": made.name,
        "hosts": "6",
        "assigned": "1",
        "quarantined": "1",
        "reserved": "1",
        "draining": "2",
        "unavailable": "1",
    }
    assert [(one.subject[-1], one.reason, one.description) for one in caught.value.obstacles] == [
        ("b", "HOST_QUARANTINED", "b waits to be confirmed as clean"),
        ("c", "HOST_RESERVED", "c is kept for another user"),
        ("d", "HOST_DRAINING", "d takes no new sessions"),
        ("e", "HOST_DRAINING", "e takes no new sessions"),
        ("f", "HOST_UNAVAILABLE", "f is out of order, or its agent does not report"),
        ("a", "HOST_HELD", "a is assigned"),
    ]


async def test_of_many_hosts_the_first_ten_are_told(store: Store) -> None:
    await store.make(*pcs(12), auto_assign_user=True)
    for host in pcs(12):
        await store.change_host(host, **CLOSED)

    with pytest.raises(ResourceExhausted) as caught:
        await store.connect(BOB)

    assert [one.description for one in caught.value.obstacles] == [
        f"{host} takes no new sessions" for host in pcs(10)
    ]


@pytest.mark.parametrize(
    ("state", "words"),
    [
        ("NO", "host a takes no new sessions; ask its administrator"),
        (
            "NOT_UNTIL_REBOOT",
            "host a takes no new sessions until it is started again; ask its administrator",
        ),
    ],
)
async def test_a_draining_host_is_refused_to_its_user_and_no_other_is_given(
    store: Store, state: str, words: str
) -> None:
    await store.make("a", "b", auto_assign_user=True)
    await store.set(ALICE, "a")
    await store.change_host("a", new_connections=state)

    with pytest.raises(FailedPrecondition) as caught:
        await store.connect(ALICE)

    assert caught.value.reason == "HOST_DRAINING"
    assert caught.value.message == words
    assert caught.value.metadata == {"host": "a", "new_connections": state}
    assert await store.holdings() == {"a": ALICE}


async def test_a_dead_host_is_refused_to_its_user_and_no_other_is_given(store: Store) -> None:
    await store.make("a", "b", auto_assign_user=True)
    await store.set(ALICE, "a")
    await store.say("a", "UNAVAILABLE")

    with pytest.raises(FailedPrecondition) as caught:
        await store.connect(ALICE)

    assert caught.value.reason == "HOST_UNAVAILABLE"
    assert caught.value.message == (
        "host a is out of order, or its agent does not report; ask its administrator"
    )
    assert caught.value.metadata == {"host": "a", "status": "UNAVAILABLE"}
    assert await store.holdings() == {"a": ALICE}


@pytest.mark.parametrize("state", ["NO", "NOT_UNTIL_REBOOT"])
async def test_with_a_session_there_its_user_is_led_to_a_draining_host(
    store: Store, state: str
) -> None:
    made = await store.make("a", "b")
    await store.set(ALICE, "a")
    await store.change_host("a", new_connections=state)
    await store.sign_in("CONTOSO\\Alice", "a", 3)

    way = await store.connect(ALICE)

    assert (way.host.key, way.is_new) == ("a", False)
    assert way.session == f"{made.name}/hosts/a/sessions/3"


async def test_of_several_desktops_the_first_is_led_to_unless_there_is_a_session(
    store: Store,
) -> None:
    await store.make("a", "b", "c", max_desktops_per_user=3)
    for host in ("b", "c", "a"):
        await store.set(ALICE, host)

    first = await store.connect(ALICE)
    await store.sign_in(ALICE, "a", 9)
    await store.sign_in(ALICE, "c", 8)
    await store.sign_in(ALICE, "c", 4)

    assert (first.host.key, first.session) == ("b", "")
    again = await store.connect(ALICE)
    assert (again.host.key, again.session.rpartition("/")[2]) == ("c", "4")


async def test_a_session_left_on_anothers_host_leads_nowhere(store: Store) -> None:
    await store.make("a", "b", auto_assign_user=True)
    await store.set(BOB, "a")
    await store.sign_in(ALICE, "a", 1)

    way = await store.connect(ALICE)

    assert (way.host.key, way.session) == ("b", "")


@pytest.mark.parametrize("host_id", ["", "b"])
async def test_to_say_what_would_be_changes_nothing_and_hands_out_no_token(
    store: Store, host_id: str
) -> None:
    await store.make("b", auto_assign_user=True)
    before = store.dump()

    way = await store.connect(ALICE, host_id=host_id, only_say=True)

    assert (way.host.key, way.is_new) == ("b", True)
    assert (way.routing_token, way.expires_us) == ("", 0)
    assert "loadbalanceinfo" not in way.rdp
    assert store.dump() == before


async def test_to_say_where_in_a_pool_counts_no_sign_in(store: Store) -> None:
    await store.make("a", "b", type="POOLED")
    before = store.dump()

    for host_id in ("", "b"):
        assert (await store.connect(ALICE, host_id=host_id, only_say=True)).host.key in "ab"

    assert store.dump() == before
