"""Who had which host, from when to when, by whose decision."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from broker_service.collections.store import delete_collection
from broker_service.history.rules import Author
from deskhold.client import Client
from deskhold.errors import DeskholdError
from tests.broker_service.calls import EVERYTHING, in_use
from tests.broker_service.pair import OWNER, Eng, Pair
from tests.broker_service.stores import AUTHOR, ENG, Store

ALICE, BOB, CAROL = (f"{name}@contoso.com" for name in ("alice", "bob", "carol"))


def told(pair: Pair, eng: Eng) -> list[tuple[str, str, str, str]]:
    """Return host, user, event and cause of everything that happened in a collection."""
    rows = [row for row in pair.dump()["history"] if row[1] == eng.name]
    return [(row[3], row[5], row[6], row[7]) for row in rows]


@pytest.mark.parametrize(
    ("act", "events"),
    [
        (
            lambda owner, eng: owner.set_assignment(eng.name, user=BOB, host_id="PC-2"),
            [("pc-2", BOB, "ASSIGNED", "SET")],
        ),
        (
            lambda owner, eng: owner.set_assignment(eng.name, user=BOB, host_id="pc-1", force=True),
            [("pc-1", ALICE, "REMOVED", "DISPLACED"), ("pc-1", BOB, "ASSIGNED", "SET")],
        ),
        (
            lambda owner, eng: owner.remove_assignment(eng.name, user="CONTOSO\\alice"),
            [("pc-1", ALICE, "REMOVED", "REMOVE")],
        ),
        (
            lambda owner, eng: owner.import_assignments(eng.name, b"pc-2,bob@contoso.com\n"),
            [("pc-2", BOB, "ASSIGNED", "IMPORT")],
        ),
        (
            lambda owner, eng: owner.import_assignments(
                eng.name, b"pc-1,bob@contoso.com\n", replace=True
            ),
            [("pc-1", ALICE, "REMOVED", "IMPORT"), ("pc-1", BOB, "ASSIGNED", "IMPORT")],
        ),
        (
            lambda owner, eng: owner.move_assignment(
                eng.name, host_id="pc-1", destination_host_id="pc-3"
            ),
            [("pc-1", ALICE, "REMOVED", "MOVE"), ("pc-3", ALICE, "ASSIGNED", "MOVE")],
        ),
        (
            lambda owner, eng: owner.remove_hosts(eng.name, ["pc-1", "pc-2"], force=True),
            [("pc-1", ALICE, "REMOVED", "HOST_REMOVED")],
        ),
        (
            lambda owner, eng: owner.delete_collection(eng.name, force=True),
            [("pc-1", ALICE, "REMOVED", "COLLECTION_DELETED")],
        ),
        (lambda owner, eng: owner.set_assignment(eng.name, user=ALICE, host_id="pc-1"), []),
        (lambda owner, eng: owner.add_hosts(eng.name, ["pc-1", "pc-7"]), []),
    ],
    ids=[
        *("set", "displace", "remove", "import", "replace", "move"),
        *("remove hosts", "delete collection"),
        *("set again", "add hosts"),
    ],
)
def test_every_beginning_and_end_is_told_with_its_cause(
    pair: Pair,
    owner: Client,
    eng: Eng,
    act: Callable[[Client, Eng], Any],
    events: list[tuple[str, str, str, str]],
) -> None:
    act(owner, eng)

    assert told(pair, eng) == [("pc-1", ALICE, "ASSIGNED", "SET"), *events]


def test_a_claim_is_told_with_the_user_who_connected(pair: Pair, owner: Client, eng: Eng) -> None:
    way = owner.connect(eng.name)

    host = way.host.rpartition("/")[2]
    assert told(pair, eng)[1:] == [(host, OWNER, "ASSIGNED", "CLAIM")]


def test_it_is_told_who_decided_by_which_right_and_in_which_call(
    pair: Pair, owner: Client, eng: Eng
) -> None:
    pair.grant("helper@contoso.com", "RDS Contributor", f"/{eng.name}")
    with pytest.raises(DeskholdError) as refused:
        pair.client("stranger@contoso.com").remove_assignment(eng.name, user=ALICE)

    pair.client("helper@contoso.com").remove_assignment(eng.name, user=ALICE)

    actor, decision_id, request_id, time_us = pair.dump()["history"][-1][8:12]
    assert actor == "user:helper@contoso.com"
    assert decision_id.startswith("d-")
    assert decision_id != refused.value.metadata["decision"]
    assert str(uuid.UUID(request_id)) == request_id
    assert time_us > owner.get_collection(eng.name).create_time.ToMicroseconds()


@pytest.mark.parametrize("name", EVERYTHING, indirect=True)
def test_what_was_told_is_never_rewritten(pair: Pair, owner: Client, eng: Eng, name: str) -> None:
    before = pair.dump()["history"]

    with in_use(owner, eng):
        owner.send(EVERYTHING[name](eng))

    assert pair.dump()["history"][: len(before)] == before


async def test_an_event_carries_the_author_as_given(store: Store) -> None:
    made = await store.make("pc-1")
    await store.set("CONTOSO\\Alice", "PC-1")

    (row,) = await store.history()

    assert row.collection == ENG
    assert row.collection_uid == made.uid
    assert (row.host_id, row.user, row.user_key) == ("pc-1", "CONTOSO\\Alice", ALICE)
    assert Author(row.actor, row.request_id, row.decision_id, row.time_us) == AUTHOR


async def test_two_collections_of_one_name_are_told_apart(store: Store) -> None:
    uids = []
    for _ in range(2):
        made = await store.make("pc-1")
        uids.append(made.uid)
        await store.set(ALICE, "pc-1")
        await store.remove_hosts("pc-1", force=True)
        await store.commit(partial(delete_collection, collection=made))

    assert [row.collection_uid for row in await store.history()] == [
        uid for uid in uids for _ in range(2)
    ]
