"""Hosts that are kept for a user until a time."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from sqlalchemy import select

from broker_service import tables
from deskhold.errors import DeskholdError, FailedPrecondition, InvalidArgument, NotFound
from tests.broker_service.stores import AUTHOR, ENG, Store

ALICE, BOB, CAROL = (f"{name}@contoso.com" for name in ("alice", "bob", "carol"))
UNTIL_US = 5_000_000
DAY_US = 24 * 3600 * 1_000_000
# When the reservation has run out: its last moment is before.
LATER = AUTHOR._replace(now_us=UNTIL_US)
Act = Callable[[Store], Awaitable[Any]]


async def lab(store: Store, **settings: Any) -> None:
    """Alice holds pc-1, pc-2 is reserved for Bob, pc-3 for nobody."""
    await store.make("pc-1", "pc-2", "pc-3", **settings)
    await store.set(ALICE, "pc-1")
    await store.reserve("CONTOSO\\Bob", "pc-2", until_us=UNTIL_US)


async def ranks(store: Store) -> dict[str, int | None]:
    """Return which hosts claims take, and which first; None: they leave it alone."""
    query = select(tables.hosts.c.host_id, tables.hosts.c.claim_rank)
    rows = await store.database.read(lambda connection: connection.execute(query).all())
    return {row.host_id: row.claim_rank for row in rows}


async def noted(store: Store) -> list[str]:
    """Return the last segments of the hosts of which a change was noted."""
    query = select(tables.changes.c.name).where(tables.changes.c.kind == "HOST")
    rows = await store.database.read(lambda connection: connection.execute(query).scalars().all())
    return [name.rpartition("/")[2] for name in rows]


async def test_a_reserved_host_says_for_whom_until_when_and_by_whom(store: Store) -> None:
    await store.make("pc-1")
    before = await noted(store)

    host = await store.reserve("CONTOSO\\Bob", "PC-1", until_us=UNTIL_US)

    kept = host.reservation
    assert (kept.user, kept.user_key, kept.until_us) == ("CONTOSO\\Bob", BOB, UNTIL_US)
    assert kept.reserved_by == AUTHOR.actor
    assert host == await store.host("pc-1")
    assert await ranks(store) == {"pc-1": None}
    assert await noted(store) == [*before, "pc-1"]


async def test_reserving_again_for_the_same_user_changes_the_time(store: Store) -> None:
    await lab(store)
    before = await store.host("pc-2")

    same = await store.reserve(BOB, "pc-2", until_us=UNTIL_US)
    longer = await store.reserve(BOB, "pc-2", until_us=UNTIL_US + 1)

    assert same == before
    assert longer.reservation.until_us == UNTIL_US + 1
    assert longer.etag != before.etag


async def test_whoever_is_at_the_limit_can_have_hosts_reserved(store: Store) -> None:
    await lab(store)

    host = await store.reserve(ALICE, "pc-3", until_us=UNTIL_US)

    assert host.reservation.user_key == ALICE


async def test_a_reserved_host_is_taken_by_whom_it_is_reserved_for(store: Store) -> None:
    await lab(store)

    made = await store.set(BOB, "pc-2")

    assert made.host.reservation is None
    assert (await ranks(store))["pc-2"] is not None


async def test_force_ends_a_reservation_for_another(store: Store) -> None:
    await lab(store)

    made = await store.set(CAROL, "pc-2", force=True)

    assert (made.host.reservation, made.displaced) == (None, ())
    assert await store.holdings() == {"pc-1": ALICE, "pc-2": CAROL}


async def test_a_reservation_that_has_run_out_stands_in_nobodys_way(store: Store) -> None:
    await lab(store)

    with pytest.raises(NotFound) as caught:
        await store.cancel("pc-2", author=LATER)
    kept = await store.reserve(CAROL, "pc-2", until_us=UNTIL_US + 1, author=LATER)
    held = await store.set(CAROL, "pc-2", author=LATER)

    assert caught.value.reason == "RESERVATION_NOT_FOUND"
    assert kept.reservation.user_key == CAROL
    assert held.host.hold.user_key == CAROL


async def test_who_watches_is_told_when_a_claim_ends_reservations_that_are_over(
    store: Store,
) -> None:
    await store.make("pc-1", "pc-2", auto_assign_user=True)
    for host in ("pc-1", "pc-2"):
        await store.reserve(ALICE, host, until_us=UNTIL_US)
    told = await noted(store)
    before = {row.host_key: row.version for row in await store.host_rows()}

    came = (await store.connect(BOB, at_us=UNTIL_US)).host.key

    assert sorted((await noted(store))[len(told) :]) == ["pc-1", "pc-2"]
    (left,) = {"pc-1", "pc-2"} - {came}
    assert (await store.host(left)).version == before[left] + 1


async def test_a_cancelled_reservation_is_returned_and_the_host_is_anybodys(store: Store) -> None:
    await lab(store)

    was = await store.cancel("PC-2")

    assert was.reservation.user_key == BOB
    assert (await store.host("pc-2")).reservation is None
    assert (await ranks(store))["pc-2"] == 1
    await store.set(CAROL, "pc-2")


@pytest.mark.parametrize(
    ("act", "kind", "reason", "metadata", "words"),
    [
        pytest.param(
            lambda store: store.set(CAROL, "pc-2"),
            FailedPrecondition,
            "HOST_RESERVED",
            {"host": "pc-2", "reserved_for": "CONTOSO\\Bob", "until": "1970-01-01T00:00:05Z"},
            "host pc-2 is reserved for CONTOSO\\Bob until 1970-01-01T00:00:05Z; use force",
            id="set for another",
        ),
        pytest.param(
            lambda store: store.reserve(CAROL, "pc-2", until_us=UNTIL_US),
            FailedPrecondition,
            "HOST_RESERVED",
            {"host": "pc-2", "reserved_for": "CONTOSO\\Bob", "until": "1970-01-01T00:00:05Z"},
            "cancel that first, or choose another host",
            id="reserve for another",
        ),
        pytest.param(
            lambda store: store.reserve(CAROL, "pc-1", until_us=UNTIL_US),
            FailedPrecondition,
            "HOST_HELD",
            {"host": "pc-1", "user": CAROL, "held_by": ALICE},
            f"host pc-1 is held by {ALICE}; end that assignment first",
            id="reserve a held host",
        ),
        pytest.param(
            lambda store: store.reserve(CAROL, "pc-9", until_us=UNTIL_US),
            NotFound,
            "HOST_NOT_FOUND",
            {"collection": ENG, "host": "pc-9"},
            "host pc-9 is not in",
            id="reserve a host that is not there",
        ),
        pytest.param(
            lambda store: store.reserve("carol", "pc-3", until_us=UNTIL_US),
            InvalidArgument,
            "FIELD_VIOLATION",
            {"field": "user"},
            "neither 'DOMAIN\\user' nor 'user@domain'",
            id="reserve for who is no user",
        ),
        pytest.param(
            lambda store: store.reserve(CAROL, "pc-3", until_us=AUTHOR.now_us),
            InvalidArgument,
            "FIELD_VIOLATION",
            {"field": "expire_time"},
            "expire_time: has passed; give a time to come",
            id="reserve until now",
        ),
        pytest.param(
            lambda store: store.reserve(CAROL, "pc-3", until_us=AUTHOR.now_us + 365 * DAY_US + 1),
            InvalidArgument,
            "FIELD_VIOLATION",
            {"field": "expire_time"},
            "expire_time: is more than 365 days away; give an earlier one",
            id="reserve for too long",
        ),
        pytest.param(
            lambda store: store.cancel("pc-3"),
            NotFound,
            "RESERVATION_NOT_FOUND",
            {"host": "pc-3", "collection": ENG},
            f"host pc-3 in {ENG} is reserved for nobody; nothing is left to cancel",
            id="cancel nothing",
        ),
        pytest.param(
            lambda store: store.confirm("pc-3", "pc-9"),
            NotFound,
            "HOST_NOT_FOUND",
            {"collection": ENG, "host": "pc-9"},
            "host pc-9 is not in",
            id="confirm a host that is not there",
        ),
    ],
)
async def test_what_cannot_be_is_refused_and_nothing_changes(
    store: Store,
    act: Act,
    kind: type[DeskholdError],
    reason: str,
    metadata: dict[str, str],
    words: str,
) -> None:
    await lab(store)
    before = store.dump()

    with pytest.raises(kind) as caught:
        await act(store)

    assert (caught.value.reason, caught.value.metadata) == (reason, metadata)
    assert words in caught.value.message
    assert store.dump() == before


async def test_a_host_is_reserved_for_365_days_at_the_most(store: Store) -> None:
    await store.make("pc-1")

    host = await store.reserve(ALICE, "pc-1", until_us=AUTHOR.now_us + 365 * DAY_US)

    assert host.reservation is not None
