"""Users who ask for one certain host."""

from __future__ import annotations

from typing import Any

import pytest

from broker_service.hosts.rules import NewConnections
from deskhold.client import Client
from deskhold.errors import DeskholdError, FailedPrecondition, NotFound, PermissionDenied
from tests.broker_service.pair import Eng, Pair
from tests.broker_service.stores import AUTHOR, Store

ALICE, BOB = "alice@contoso.com", "bob@contoso.com"
LATER = AUTHOR.now_us + 1
UNTIL = "1970-01-01T00:01:00Z"


async def refused(store: Store, host_id: str, user: str = ALICE) -> DeskholdError:
    """Ask for a host; return the refusal, which has changed nothing."""
    before = store.dump()
    with pytest.raises(DeskholdError) as caught:
        await store.connect(user, host_id=host_id)
    assert store.dump() == before
    return caught.value


async def test_a_free_host_is_assigned_to_who_asks_for_it(store: Store) -> None:
    await store.make("a", "b", "c", auto_assign_user=True)

    first = await store.connect(ALICE, host_id="B")
    again = await store.connect(ALICE)

    assert (first.host.key, first.is_new) == ("b", True)
    assert (again.host.key, again.is_new) == ("b", False)
    assert [row.event for row in await store.history()] == ["ASSIGNED"]


async def test_ones_own_host_is_led_to(store: Store) -> None:
    await store.make("a", "b", max_desktops_per_user=2)
    await store.set(ALICE, "a")
    await store.set(ALICE, "b")

    ways = [await store.connect(ALICE, host_id=host) for host in ("a", "b")]

    assert [(way.host.key, way.is_new) for way in ways] == [("a", False), ("b", False)]


async def test_what_is_kept_for_a_user_may_be_asked_for_by_them(store: Store) -> None:
    await store.make("a", "b")
    await store.keep(ALICE, "b", LATER)

    way = await store.connect(ALICE, host_id="b")

    assert (way.host.key, way.is_new) == ("b", True)
    assert {row.reserved_user for row in await store.host_rows()} == {None}


async def test_what_was_kept_for_another_until_now_may_be_asked_for(store: Store) -> None:
    await store.make("a", auto_assign_user=True)
    await store.keep(BOB, "a", AUTHOR.now_us)

    assert (await store.connect(ALICE, host_id="a")).is_new
    assert {row.reserved_user for row in await store.host_rows()} == {None}


async def test_a_session_left_on_anothers_host_is_no_way_to_it(store: Store) -> None:
    await store.make("a", "b", auto_assign_user=True)
    await store.set(BOB, "a")
    await store.sign_in(ALICE, "a", 1)

    assert (await refused(store, "a")).reason == "HOST_HELD"


@pytest.mark.parametrize(
    ("values", "reason", "metadata", "message"),
    [
        (
            {"new_connections": NewConnections.NO.value},
            "HOST_DRAINING",
            {"host": "a", "new_connections": "NO"},
            "host a takes no new sessions; ask its administrator",
        ),
        (
            {"quarantined_us": 1},
            "HOST_QUARANTINED",
            {"host": "a"},
            "host a is in quarantine since its last assignment ended; choose another host",
        ),
        (
            {
                "reserved_user": "CONTOSO\\bob",
                "reserved_user_key": BOB,
                "reserved_until_us": 60_000_000,
                "reserved_by": "user:x",
            },
            "HOST_RESERVED",
            {"host": "a", "reserved_for": "CONTOSO\\bob", "until": UNTIL},
            f"host a is reserved for CONTOSO\\bob until {UNTIL}; choose another host",
        ),
    ],
)
async def test_a_host_that_nobody_may_have_is_refused_by_its_reason(
    store: Store, values: dict[str, Any], reason: str, metadata: dict[str, str], message: str
) -> None:
    await store.make("a", "b", auto_assign_user=True)
    await store.change_host("a", **values)

    error = await refused(store, "a")

    assert isinstance(error, FailedPrecondition)
    assert (error.reason, error.metadata, error.message) == (reason, metadata, message)


@pytest.mark.parametrize("type_", ["PERSONAL", "POOLED"])
async def test_a_host_that_is_out_of_order_is_refused(store: Store, type_: str) -> None:
    await store.make("a", type=type_, auto_assign_user=type_ == "PERSONAL")
    await store.say("a", "UNAVAILABLE")

    error = await refused(store, "a")

    assert isinstance(error, FailedPrecondition)
    assert error.reason == "HOST_UNAVAILABLE"
    assert error.metadata == {"host": "a", "status": "UNAVAILABLE"}


async def test_a_host_that_another_holds_is_refused(store: Store) -> None:
    await store.make("a", "b", auto_assign_user=True)
    await store.set(BOB, "a")

    error = await refused(store, "a")

    assert isinstance(error, FailedPrecondition)
    assert error.reason == "HOST_HELD"
    assert error.metadata == {"host": "a", "user": ALICE, "held_by": BOB}
    assert error.message == f"host a is held by {BOB}; ask its administrator to move it to {ALICE}"


async def test_nobody_takes_more_hosts_than_the_collection_allows(store: Store) -> None:
    await store.make("a", "b", auto_assign_user=True)
    await store.set(ALICE, "a")

    error = await refused(store, "b")

    assert isinstance(error, FailedPrecondition)
    assert error.reason == "USER_LIMIT_REACHED"
    assert error.metadata["holds"] == "a"
    assert "ask its administrator" in error.message


async def test_where_nothing_is_assigned_by_itself_nothing_can_be_taken(store: Store) -> None:
    made = await store.make("a")

    error = await refused(store, "a")

    assert isinstance(error, FailedPrecondition)
    assert error.reason == "NOT_ASSIGNED"
    assert error.metadata == {"collection": made.name, "user": ALICE}


@pytest.mark.parametrize("type_", ["PERSONAL", "POOLED"])
async def test_a_host_that_is_not_there_is_not_found(store: Store, type_: str) -> None:
    made = await store.make("a", type=type_)

    error = await refused(store, "z")

    assert isinstance(error, NotFound)
    assert error.reason == "HOST_NOT_FOUND"
    assert error.metadata == {"collection": made.name, "host": "z"}


async def test_in_a_pool_a_host_with_room_may_be_asked_for_again_and_again(store: Store) -> None:
    await store.make("a", "b", type="POOLED", max_sessions_per_host=1)
    await store.connect(ALICE)

    for host in ("b", "b", "a", "a"):
        assert (await store.connect(ALICE, host_id=host)).host.key == host

    assert [row.sign_in_count for row in await store.host_rows()] == [1, 0]
    assert (await store.connect(ALICE)).host.key == "a"


async def test_in_a_pool_a_full_host_is_refused(store: Store) -> None:
    await store.make("a", "b", type="POOLED", max_sessions_per_host=9)
    await store.change_host("a", session_limit=1)
    await store.connect(BOB, host_id="a")

    error = await refused(store, "a")

    assert isinstance(error, FailedPrecondition)
    assert error.reason == "HOST_FULL"
    assert error.metadata == {"host": "a", "sessions": "1", "session_limit": "1"}
    assert error.message == "host a has 1 sessions and takes 1; choose another"


async def test_in_a_pool_a_draining_host_is_refused_unless_there_is_a_session(
    store: Store,
) -> None:
    await store.make("a", "b", type="POOLED")
    await store.change_host("a", new_connections=NewConnections.NO.value)
    await store.sign_in(ALICE, "a", 5)

    assert (await store.connect(ALICE, host_id="a")).session.endswith("hosts/a/sessions/5")
    assert (await refused(store, "a", BOB)).reason == "HOST_DRAINING"


def test_to_choose_a_host_an_action_of_its_own_is_needed(
    pair: Pair, owner: Client, eng: Eng
) -> None:
    pair.grant("bob@contoso.com", "RDS User", f"/{eng.name}")
    before = pair.dump()

    with pytest.raises(PermissionDenied) as caught:
        pair.client("bob@contoso.com").connect(eng.name, host_id="pc-2")

    assert caught.value.metadata["action"] == "deskhold.resources/appGroups/chooseHost/action"
    assert pair.dump() == before
    way = owner.connect(eng.name, user="bob@contoso.com", host_id="pc-2")
    assert (way.host, way.newly_assigned) == (f"{eng.name}/hosts/pc-2", True)
