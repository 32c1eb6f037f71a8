"""Swapping users and moving them: as one, or not at all."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from broker_service.collections.rules import ReleasePolicy
from deskhold.errors import DeskholdError, FailedPrecondition, InvalidArgument, NotFound
from tests.broker_service.stores import ENG, Store

ALICE, BOB, CAROL = (f"{name}@contoso.com" for name in ("alice", "bob", "carol"))
QUARANTINE = ReleasePolicy.QUARANTINE


async def lab(store: Store, *, limit: int = 1, **settings: Any) -> None:
    """Alice holds pc-1, Bob pc-2, nobody pc-3."""
    await store.make("pc-1", "pc-2", "pc-3", max_desktops_per_user=limit, **settings)
    await store.set("CONTOSO\\Alice", "pc-1")
    await store.set(BOB, "pc-2")


async def told(store: Store) -> list[tuple[str, str, str, str]]:
    """Return what history tells after the lab was made."""
    return [(row.host_id, row.user_key, row.event, row.cause) for row in await store.history()][2:]


async def test_users_are_swapped_and_history_tells_both(store: Store) -> None:
    await lab(store)

    one, other = await store.swap("PC-1", "pc-2")

    assert (one.host_id, one.hold.user) == ("pc-1", BOB)
    assert (other.host_id, other.hold.user) == ("pc-2", "CONTOSO\\Alice")
    assert await store.holdings() == {"pc-1": BOB, "pc-2": ALICE}
    assert sorted(await told(store)) == [
        ("pc-1", ALICE, "REMOVED", "SWAP"),
        ("pc-1", BOB, "ASSIGNED", "SWAP"),
        ("pc-2", ALICE, "ASSIGNED", "SWAP"),
        ("pc-2", BOB, "REMOVED", "SWAP"),
    ]
    assert await store.replayed_history() == await store.holdings()


@pytest.mark.parametrize("limit", [2, 3])
async def test_of_users_with_several_hosts_only_the_named_ones_are_swapped(
    store: Store, limit: int
) -> None:
    await lab(store, limit=limit)
    await store.add_hosts("pc-4", "pc-5")
    await store.set(ALICE, "pc-4")
    await store.set(BOB, "pc-5")

    await store.swap("pc-4", "pc-2")

    assert await store.holdings() == {"pc-1": ALICE, "pc-2": ALICE, "pc-4": BOB, "pc-5": BOB}
    slots = {host_id: (await store.host(host_id)).hold for host_id in ("pc-1", "pc-2")}
    assert {hold.slot for hold in slots.values() if hold} == {0, 1}


async def test_hosts_of_one_user_stay_as_they_are_when_swapped(store: Store) -> None:
    await lab(store, limit=2)
    await store.set(ALICE, "pc-3")
    before = store.dump()

    one, other = await store.swap("pc-3", "pc-1")

    assert (one.host_id, other.host_id) == ("pc-3", "pc-1")
    assert store.dump() == before


async def test_a_user_is_moved_and_what_ended_is_returned(store: Store) -> None:
    await lab(store)

    moved = await store.move("PC-1", "PC-3")

    assert (moved.host.host_id, moved.host.hold.user) == ("pc-3", "CONTOSO\\Alice")
    assert (moved.left.host_id, moved.left.hold.user) == ("pc-1", "CONTOSO\\Alice")
    assert await store.holdings() == {"pc-2": BOB, "pc-3": ALICE}
    assert await told(store) == [
        ("pc-1", ALICE, "REMOVED", "MOVE"),
        ("pc-3", ALICE, "ASSIGNED", "MOVE"),
    ]


async def test_who_is_there_already_stays(store: Store) -> None:
    await lab(store)
    await store.move("pc-1", "pc-3", user=ALICE)
    before = store.dump()

    again = await store.move("pc-1", "pc-3", user="CONTOSO\\alice")
    nowhere = await store.move("pc-2", "PC-2")

    assert (again.host.host_id, again.left) == ("pc-3", None)
    assert (nowhere.host.host_id, nowhere.left) == ("pc-2", None)
    assert store.dump() == before


async def test_a_move_takes_a_host_reserved_for_the_user_and_ends_the_reservation(
    store: Store,
) -> None:
    await lab(store)
    await store.reserve(ALICE, "pc-3")

    moved = await store.move("pc-1", "pc-3")

    assert moved.host.reservation is None


Act = Callable[[Store], Awaitable[Any]]


async def reserved(store: Store) -> None:
    await store.reserve(CAROL, "pc-3")


async def in_quarantine(store: Store) -> None:
    await store.set(CAROL, "pc-3")
    await store.remove(host_id="pc-3")


async def nothing(store: Store) -> None:
    pass


@pytest.mark.parametrize(
    ("prepare", "act", "kind", "reason", "metadata", "words"),
    [
        pytest.param(
            nothing,
            lambda store: store.swap("pc-1", "PC-1"),
            InvalidArgument,
            "FIELD_VIOLATION",
            {"field": "other_host_id"},
            "other_host_id: is pc-1 too; give another host",
            id="swap with itself",
        ),
        pytest.param(
            nothing,
            lambda store: store.swap("pc-1", "pc-3"),
            NotFound,
            "ASSIGNMENT_NOT_FOUND",
            {"collection": ENG, "host": "pc-3"},
            "there is no user assigned to the personal session desktop pc-3",
            id="swap with a free host",
        ),
        pytest.param(
            nothing,
            lambda store: store.swap("pc-9", "pc-8"),
            NotFound,
            "HOST_NOT_FOUND",
            {"collection": ENG, "host": "pc-9"},
            "host pc-9 is not in",
            id="swap hosts that are not there",
        ),
        pytest.param(
            nothing,
            lambda store: store.move("pc-3", "pc-1"),
            NotFound,
            "ASSIGNMENT_NOT_FOUND",
            {"collection": ENG, "host": "pc-3"},
            "there is no user assigned to the personal session desktop pc-3",
            id="move nobody",
        ),
        pytest.param(
            nothing,
            lambda store: store.move("pc-1", "pc-3", user=BOB),
            NotFound,
            "ASSIGNMENT_NOT_FOUND",
            {"collection": ENG, "host": "pc-1", "user": BOB},
            f"{BOB} does not hold pc-1 in {ENG}; see who does with: deskhold assignment list",
            id="move another than the holder",
        ),
        pytest.param(
            nothing,
            lambda store: store.move("pc-1", "pc-9"),
            NotFound,
            "HOST_NOT_FOUND",
            {"collection": ENG, "host": "pc-9"},
            "host pc-9 is not in",
            id="move to a host that is not there",
        ),
        pytest.param(
            nothing,
            lambda store: store.move("pc-1", "pc-3", user="bob"),
            InvalidArgument,
            "FIELD_VIOLATION",
            {"field": "user"},
            "neither 'DOMAIN\\user' nor 'user@domain'",
            id="move who is no user",
        ),
        pytest.param(
            nothing,
            lambda store: store.move("pc-1", "pc-2"),
            FailedPrecondition,
            "HOST_HELD",
            {"host": "pc-2", "user": "CONTOSO\\Alice", "held_by": BOB},
            f"host pc-2 is held by {BOB}; end that assignment first to move it to CONTOSO\\Alice",
            id="move to a held host",
        ),
        pytest.param(
            reserved,
            lambda store: store.move("pc-1", "pc-3"),
            FailedPrecondition,
            "HOST_RESERVED",
            {"host": "pc-3", "reserved_for": CAROL, "until": "1970-01-01T00:00:02Z"},
            f"host pc-3 is reserved for {CAROL} until 1970-01-01T00:00:02Z; cancel the reservation"
            " first, or choose another host",
            id="move to a reserved host",
        ),
        pytest.param(
            in_quarantine,
            lambda store: store.move("pc-1", "pc-3"),
            FailedPrecondition,
            "HOST_QUARANTINED",
            {"host": "pc-3"},
            "host pc-3 is in quarantine since its last assignment ended; confirm its release first",
            id="move to a quarantined host",
        ),
    ],
)
async def test_what_cannot_be_is_refused_and_nothing_changes(
    store: Store,
    prepare: Act,
    act: Act,
    kind: type[DeskholdError],
    reason: str,
    metadata: dict[str, str],
    words: str,
) -> None:
    await lab(store, release_policy=QUARANTINE)
    await prepare(store)
    before = store.dump()

    with pytest.raises(kind) as caught:
        await act(store)

    assert (caught.value.reason, caught.value.metadata) == (reason, metadata)
    assert words in caught.value.message
    assert store.dump() == before


async def test_hosts_of_a_pooled_collection_are_neither_swapped_nor_kept(store: Store) -> None:
    await store.make("p-1", "p-2", type="POOLED")
    acts: tuple[Act, ...] = (
        lambda store: store.swap("p-1", "p-2"),
        lambda store: store.move("p-1", "p-2"),
        lambda store: store.reserve(ALICE, "p-1"),
        lambda store: store.cancel("p-1"),
        lambda store: store.confirm("p-1"),
    )

    for act in acts:
        with pytest.raises(FailedPrecondition) as caught:
            await act(store)
        assert caught.value.reason == "COLLECTION_NOT_PERSONAL"
