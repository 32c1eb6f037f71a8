from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Connection, select

from deskhold.chassis.db import Database
from deskhold.errors import NotFound
from rbac_service import tables
from rbac_service.log import store
from rbac_service.log.rules import (
    GENESIS_HASH,
    Author,
    Change,
    ChangeKind,
    chain_hash,
    encode_changes,
    encode_revisions,
)
from rbac_service.log.store import append, read_after, read_head, read_heads
from tests.rbac_service.chain import first_broken

AUTHOR = Author("user:a@x", "r-1", "d-1")


def change(path: str) -> Change:
    return Change(ChangeKind.ADD_SCOPE, {"path": path})


def writing(path: str, *, now_us: int = 17) -> Callable[[Connection], int]:
    return lambda connection: append(connection, [change(path)], author=AUTHOR, now_us=now_us)


async def entries(database: Database) -> list[Any]:
    def work(connection: Connection) -> list[Any]:
        rows = connection.execute(select(tables.log).order_by(tables.log.c.revision))
        return [dict(row._mapping) for row in rows]

    return await database.read(work)


async def test_a_new_store_is_at_revision_0_of_a_history_of_its_own(database: Database) -> None:
    head = await database.lookup("head", read_heads, None)

    assert head.revision == 0
    assert len(head.epoch) == 32


async def test_revisions_have_no_gaps(database: Database) -> None:
    given_revisions = [await database.write(writing(f"/{n}")) for n in range(3)]

    assert given_revisions == [1, 2, 3]
    assert (await database.read(read_head)).revision == 3
    assert first_broken(await entries(database)) is None


async def test_what_is_undone_leaves_no_gap(database: Database) -> None:
    def refuse(connection: Connection) -> None:
        writing("/refused")(connection)
        raise NotFound("no such scope")

    await database.write(writing("/1"))
    with pytest.raises(NotFound):
        await database.write(refuse)
    assert await database.write(writing("/tried"), dry=True) == 2
    await database.write(writing("/2"))

    assert [entry["revision"] for entry in await entries(database)] == [1, 2]
    assert first_broken(await entries(database)) is None


async def test_what_waits_together_still_gets_one_revision_each(database: Database) -> None:
    given_revisions = await asyncio.gather(*(database.write(writing(f"/{n}")) for n in range(100)))

    assert sorted(given_revisions) == list(range(1, 101))
    assert first_broken(await entries(database)) is None


async def test_what_is_too_large_for_one_revision_is_several_committed_together(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    await database.write(writing("/1"))
    monkeypatch.setattr(store, "MAX_CHARACTERS", 2 * len(encode_changes([change("/0")])))
    changes = [change(f"/{number}") for number in range(5)]

    newest = await database.write(lambda tx: append(tx, changes, author=AUTHOR, now_us=17))

    made = await database.read(lambda tx: list(read_after(tx, 1)))
    assert made == [(2, (*changes[:2],)), (3, (*changes[2:4],)), (4, (changes[4],))]
    assert newest == 4 == (await database.read(read_head)).revision
    assert first_broken(await entries(database)) is None


def test_a_change_that_is_too_large_alone_is_a_revision() -> None:
    assert encode_revisions([change("/1"), change("/2")], 1) == [
        encode_changes([change("/1")]),
        encode_changes([change("/2")]),
    ]
    assert encode_revisions([], 1) == [encode_changes([])]


async def test_what_came_after_a_revision_is_read_oldest_first(database: Database) -> None:
    for number in range(1, 5):
        await database.write(writing(f"/{number}"))

    missing = await database.read(lambda connection: list(read_after(connection, 2)))

    assert missing == [(3, (change("/3"),)), (4, (change("/4"),))]


def written(count: int = 5) -> list[dict[str, Any]]:
    """Return a log as the store writes it."""
    log: list[dict[str, Any]] = []
    previous = GENESIS_HASH
    for revision in range(1, count + 1):
        own = chain_hash(previous, revision, 17, AUTHOR, "[]")
        log.append(
            {
                "revision": revision,
                "time_us": 17,
                "actor": AUTHOR.actor,
                "request_id": AUTHOR.request_id,
                "decision_id": AUTHOR.decision_id,
                "changes": "[]",
                "previous_hash": previous,
                "hash": own,
            }
        )
        previous = own
    return log


def flipped(value: Any, data: st.DataObject) -> Any:
    """Return a stored value with one bit changed."""
    if isinstance(value, int):
        return value ^ (1 << data.draw(st.integers(0, 40)))
    raw = bytearray(value.encode() if isinstance(value, str) else value)
    raw[data.draw(st.integers(0, len(raw) - 1))] ^= 1 << data.draw(st.integers(0, 6))
    return raw.decode() if isinstance(value, str) else bytes(raw)


@given(st.data())
def test_a_flipped_bit_is_found_where_it_is(data: st.DataObject) -> None:
    log = written()
    entry = data.draw(st.sampled_from(log))
    column = data.draw(st.sampled_from(sorted(entry)))
    revision = entry["revision"]

    entry[column] = flipped(entry[column], data)

    assert first_broken(log) == revision


@pytest.mark.parametrize("revision", [1, 3, 4])
def test_a_missing_entry_is_found(revision: int) -> None:
    log = written()
    del log[revision - 1]

    assert first_broken(log) == revision


def test_entries_that_changed_places_are_found() -> None:
    log = written()
    log[1], log[2] = log[2], log[1]

    assert first_broken(log) == 2
