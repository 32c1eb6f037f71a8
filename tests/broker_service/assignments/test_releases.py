"""Hosts in quarantine until they are confirmed as clean, and what imports make of them."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from sqlalchemy import insert, select

from broker_service import tables
from broker_service.collections.rules import ReleasePolicy
from deskhold.errors import FailedPrecondition, InvalidArgument
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


async def quarantined(store: Store) -> dict[str, int | None]:
    """Return since when hosts are in quarantine."""
    query = select(tables.hosts.c.host_id, tables.hosts.c.quarantined_us)
    rows = await store.database.read(
        lambda connection: connection.execute(query.where(tables.hosts.c.quarantined_us > 0)).all()
    )
    return {row.host_id: row.quarantined_us for row in rows}


async def clean_room(store: Store, *host_ids: str) -> None:
    """Where hosts go into quarantine: alice holds pc-1, bob pc-2, nobody pc-3 and the others."""
    await store.make(*("pc-1", "pc-2", "pc-3", *host_ids), release_policy=ReleasePolicy.QUARANTINE)
    await store.set(ALICE, "pc-1")
    await store.set(BOB, "pc-2")


@pytest.mark.parametrize(
    ("act", "left"),
    [
        (lambda store: store.remove(user=ALICE), ["pc-1"]),
        (lambda store: store.remove(host_id="pc-1"), ["pc-1"]),
        # Who gives a host away by force takes its quarantine on.
        (lambda store: store.set(CAROL, "pc-1", force=True), []),
        (lambda store: store.set(BOB, "pc-1", force=True), ["pc-2"]),
        (lambda store: store.set(ALICE, "pc-3", force=True), ["pc-1"]),
        (lambda store: store.move("pc-1", "pc-3"), ["pc-1"]),
        (lambda store: store.swap("pc-1", "pc-2"), []),
        (lambda store: store.import_file(b"pc-2,bob@contoso.com", replace=True), ["pc-1"]),
        (
            lambda store: store.import_file(b"pc-3,alice@contoso.com", replace=True),
            ["pc-1", "pc-2"],
        ),
        (lambda store: store.import_file(b"pc-1,bob@contoso.com", replace=True), ["pc-2"]),
        (lambda store: store.set(ALICE, "pc-1"), []),
    ],
    ids=[
        *("remove by user", "remove by host", "displace", "force from another host"),
        *("force to another host", "move", "swap", "replace", "replace and move"),
        *("replace the user", "set again"),
    ],
)
async def test_a_host_whose_assignment_ends_goes_into_quarantine(
    store: Store, act: Act, left: list[str]
) -> None:
    await clean_room(store)

    await act(store)

    assert await quarantined(store) == dict.fromkeys(left, AUTHOR.now_us)
    out_of_reach = [host_id for host_id, rank in (await ranks(store)).items() if rank is None]
    assert sorted(out_of_reach) == left


async def test_without_the_policy_a_host_is_free_at_once(store: Store) -> None:
    await store.make("pc-1")
    await store.set(ALICE, "pc-1")

    await store.remove(user=ALICE)
    await store.set(BOB, "pc-1")

    assert await quarantined(store) == {}


async def in_quarantine(store: Store, *more: str) -> None:
    """Alice and bob have left pc-1 and pc-2."""
    await clean_room(store, *more)
    await store.remove(user=ALICE)
    await store.remove(user=BOB)


async def reported(store: Store, host_id: str, *administrators: str) -> None:
    """Store what the agent of a host reported."""
    host = await store.host(host_id)
    values = {
        "host": host.id,
        "heartbeat_us": 1,
        "status": "AVAILABLE",
        "boot_id": "b",
        "agent_version": "1",
        "health_checks": "[]",
        "administrators": json.dumps(administrators),
    }
    await store.commit(
        lambda connection: connection.execute(insert(tables.host_reports).values(values))
    )


async def test_a_confirmed_host_is_anybodys_and_those_in_no_quarantine_stay(store: Store) -> None:
    await in_quarantine(store)

    released = await store.confirm("pc-3", "PC-2", "pc-2", "pc-1")

    assert released == ["pc-2", "pc-1"]
    assert await quarantined(store) == {}
    assert set((await ranks(store)).values()) == {1}
    before = store.dump()
    assert await store.confirm("pc-1", "pc-2") == []
    assert store.dump() == before


@pytest.mark.parametrize(
    ("act", "words"),
    [
        (lambda store: store.set(ALICE, "pc-1"), "confirm its release first, or use force"),
        (lambda store: store.reserve(ALICE, "pc-1"), "confirm its release first, or choose"),
    ],
    ids=["set", "reserve"],
)
async def test_a_host_in_quarantine_is_nobodys_not_even_its_last_users(
    store: Store, act: Act, words: str
) -> None:
    await in_quarantine(store)

    with pytest.raises(FailedPrecondition) as caught:
        await act(store)

    assert caught.value.reason == "HOST_QUARANTINED"
    assert caught.value.metadata == {"host": "pc-1"}
    assert "host pc-1 is in quarantine since its last assignment ended" in caught.value.message
    assert words in caught.value.message


async def test_force_confirms_a_quarantine(store: Store) -> None:
    await in_quarantine(store)

    made = await store.set(CAROL, "pc-1", force=True)

    assert made.host.quarantined_us is None
    assert await quarantined(store) == {"pc-2": AUTHOR.now_us}


async def test_while_somebody_is_administrator_a_host_is_not_released_without_force(
    store: Store,
) -> None:
    await in_quarantine(store)
    await reported(store, "pc-1", "CONTOSO\\alice", "CONTOSO\\bob")
    await reported(store, "pc-2")
    before = store.dump()

    with pytest.raises(FailedPrecondition) as caught:
        await store.confirm("pc-2", "pc-1")

    assert caught.value.reason == "RIGHTS_NOT_REMOVED"
    assert caught.value.metadata == {
        "host": "pc-1",
        "administrators": "CONTOSO\\alice, CONTOSO\\bob",
    }
    assert caught.value.message == (
        "on host pc-1 CONTOSO\\alice, CONTOSO\\bob is still administrator as its agent reports;"
        " wait for its next report, or use force"
    )
    assert store.dump() == before
    assert await store.confirm("pc-2") == ["pc-2"]
    assert await store.confirm("pc-2", "pc-1", force=True) == ["pc-1"]


async def test_of_several_unclean_hosts_the_first_is_named_and_the_others_are_counted(
    store: Store,
) -> None:
    await in_quarantine(store)
    for host_id in ("pc-1", "pc-2", "pc-3"):
        await reported(store, host_id, "CONTOSO\\alice")

    with pytest.raises(FailedPrecondition, match=", and 1 more is not clean either"):
        await store.confirm("pc-3", "pc-2", "pc-1")


async def test_an_import_is_told_what_is_reserved_and_what_is_in_quarantine(store: Store) -> None:
    await in_quarantine(store, "pc-4")
    await store.reserve(BOB, "pc-3")
    await store.reserve(BOB, "pc-4")
    file = b"pc-1,alice@contoso.com\npc-3,carol@contoso.com\npc-4,bob@contoso.com\n"

    plan = await store.transfers.import_file(
        ENG, file, replace=False, validate_only=True, author=AUTHOR, commit=store.commit
    )

    assert [(one.outcome.value, one.reason) for one in plan.verdicts] == [
        ("REJECTED", "HOST_QUARANTINED"),
        ("REJECTED", "HOST_RESERVED"),
        ("ASSIGNED", ""),
    ]
    assert "or import with replace" in plan.verdicts[0].message
    assert "or import with replace" in plan.verdicts[1].message
    assert await store.holdings() == {}


async def test_a_rejected_import_leaves_reservations_and_quarantines(store: Store) -> None:
    await in_quarantine(store)
    await store.reserve(BOB, "pc-3")
    before = store.dump()

    with pytest.raises(InvalidArgument):
        await store.import_file(b"pc-3,bob@contoso.com\npc-1,alice@contoso.com\n")

    assert store.dump() == before


async def test_an_import_that_replaces_overrides_both_on_its_hosts_and_on_no_other(
    store: Store,
) -> None:
    await in_quarantine(store, "pc-4")
    await store.reserve(BOB, "pc-3")
    await store.reserve(BOB, "pc-4")

    await store.import_file(b"pc-1,alice@contoso.com\npc-3,carol@contoso.com\n", replace=True)

    assert await store.holdings() == {"pc-1": ALICE, "pc-3": CAROL}
    assert await quarantined(store) == {"pc-2": AUTHOR.now_us}
    assert (await store.host("pc-3")).reservation is None
    assert (await store.host("pc-4")).reservation is not None


async def test_an_import_of_a_row_for_the_user_of_a_lapsed_reservation_or_another_is_taken(
    store: Store,
) -> None:
    await lab(store)

    plan = await store.transfers.import_file(
        ENG,
        b"pc-2,carol@contoso.com\n",
        replace=False,
        validate_only=False,
        author=LATER,
        commit=store.commit,
    )

    assert [one.outcome.value for one in plan.verdicts] == ["ASSIGNED"]
