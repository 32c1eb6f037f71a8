"""Who had which host, as periods: what is listed is what was."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, delete, insert

from broker_service import tables
from broker_service.collections.store import delete_collection
from broker_service.history.rules import Author, Period, Turn, Wanted
from broker_service.history.store import list_periods
from deskhold.chassis.paging import Page
from deskhold.errors import InvalidArgument
from tests.broker_service.plans import effort_of, plans
from tests.broker_service.stores import AUTHOR, ENG, Store
from tests.databases import SqliteFiles

ALICE, BOB, CAROL = (f"{name}@contoso.com" for name in ("alice", "bob", "carol"))


def at(now_us: int) -> Author:
    return AUTHOR._replace(now_us=now_us, decision_id=f"d-{now_us}")


def shown(periods: list[Period]) -> list[tuple[str, str, int, int | None]]:
    return [
        (one.host_id, one.user, one.start.time_us, one.end.time_us if one.end else None)
        for one in periods
    ]


async def lab(store: Store) -> None:
    """Alice has pc-1 from 10 to 20 and pc-2 from 20 on, Bob pc-1 from 30 on."""
    await store.make("pc-1", "pc-2", "pc-3")
    await store.set("CONTOSO\\Alice", "pc-1", author=at(10))
    await store.move("pc-1", "pc-2", author=at(20))
    await store.set(BOB, "pc-1", author=at(30))


async def test_a_period_tells_how_it_began_and_how_it_ended(store: Store) -> None:
    made = await store.make("pc-1")
    await store.set("CONTOSO\\Alice", "PC-1", author=at(10))
    await store.remove(user=ALICE, author=at(20))

    (period,) = await store.list_periods()

    assert (period.host_id, period.user) == ("pc-1", "CONTOSO\\Alice")
    assert period.collection_uid == made.uid
    assert period.start == Turn(10, "SET", AUTHOR.actor, "d-10")
    assert period.end == Turn(20, "REMOVE", AUTHOR.actor, "d-20")


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ({}, ["pc-1 bob", "pc-2 alice", "pc-1 alice"]),
        ({"user": "alice@CONTOSO.com"}, ["pc-2 alice", "pc-1 alice"]),
        ({"host_id": "PC-1"}, ["pc-1 bob", "pc-1 alice"]),
        ({"host_id": "pc-1", "user": BOB}, ["pc-1 bob"]),
        ({"host_id": "pc-3"}, []),
        ({"host_id": "pc-9"}, []),
        ({"user": CAROL}, []),
        ({"at_us": 9}, []),
        ({"at_us": 10}, ["pc-1 alice"]),
        ({"at_us": 19}, ["pc-1 alice"]),
        ({"at_us": 20}, ["pc-2 alice"]),
        ({"at_us": 30}, ["pc-1 bob", "pc-2 alice"]),
        ({"at_us": 10**15}, ["pc-1 bob", "pc-2 alice"]),
        ({"at_us": 30, "user": ALICE}, ["pc-2 alice"]),
        ({"at_us": 15, "host_id": "pc-1"}, ["pc-1 alice"]),
    ],
    ids=str,
)
@pytest.mark.parametrize("size", [1, 2, 1000])
async def test_periods_are_found_by_user_host_and_time_the_newest_first(
    store: Store, asked: dict[str, Any], found: list[str], size: int
) -> None:
    await lab(store)

    pages: list[Period] = []
    while True:
        after = str(pages[-1].id) if pages else None
        page = await store.list_periods(**asked, size=size, after=after)
        pages += page[:size]
        if len(page) <= size:
            break

    names = {"CONTOSO\\Alice": "alice", BOB: "bob"}
    assert [f"{one.host_id} {names[one.user]}" for one in pages] == found


async def test_of_removed_hosts_and_deleted_collections_the_periods_are_there(
    store: Store,
) -> None:
    uids = []
    for turn in range(2):
        made = await store.make("pc-1", "pc-2")
        uids.append(made.uid)
        await store.set(ALICE, "pc-1", author=at(10 * turn + 1))
        await store.remove_hosts("pc-1", force=True)
        await store.add_hosts("pc-1")
        await store.set(BOB, "pc-1", author=at(10 * turn + 2))
        await store.remove_hosts("pc-1", "pc-2", force=True)
        await store.commit(partial(delete_collection, collection=made))

    periods = await store.list_periods(host_id="pc-1")

    assert [(one.user, one.collection_uid) for one in periods] == [
        (BOB, uids[1]),
        (ALICE, uids[1]),
        (BOB, uids[0]),
        (ALICE, uids[0]),
    ]
    assert {one.end.cause for one in periods if one.end} == {"HOST_REMOVED"}


async def test_the_end_is_that_of_the_same_collection_though_another_has_its_name(
    store: Store,
) -> None:
    first = await store.make("pc-1")
    await store.set(ALICE, "pc-1", author=at(10))

    def forget(connection: Connection) -> None:
        connection.execute(delete(tables.hosts))
        delete_collection(connection, first)

    await store.commit(forget)
    await store.make("pc-1")
    await store.set(BOB, "pc-1", author=at(20))
    await store.remove(host_id="pc-1", author=at(30))

    assert shown(await store.list_periods()) == [("pc-1", BOB, 20, 30), ("pc-1", ALICE, 10, None)]


@pytest.mark.parametrize(
    ("asked", "field"),
    [({"user": "alice"}, "user"), ({"host_id": "pc 1"}, "host_id"), ({"host_id": "-"}, "host_id")],
    ids=str,
)
async def test_a_malformed_user_or_host_is_named(
    store: Store, asked: dict[str, Any], field: str
) -> None:
    with pytest.raises(InvalidArgument) as caught:
        await store.list_periods(**asked)

    assert (caught.value.reason, caught.value.metadata) == ("FIELD_VIOLATION", {"field": field})


@pytest.mark.parametrize(
    ("wanted", "index"),
    [
        (Wanted(), "history_by_collection"),
        (Wanted(user_key="user7@contoso.com"), "history_by_user"),
        (Wanted(host_key="pc-7"), "history_by_host"),
    ],
    ids=["all", "user", "host"],
)
async def test_a_page_is_read_by_the_index_of_its_filter_and_ends_by_that_of_hosts(
    sqlite: SqliteFiles, migrations: Path, wanted: Wanted, index: str
) -> None:
    # On SQLite alone: PostgreSQL plans by how much there is, and this is little.
    store = Store(sqlite.new(migrations))
    found = await store.commit(
        lambda connection: plans(
            connection,
            lambda: list_periods(connection, ENG, wanted, Page(100, "1000000")),
            "ORDER BY history.id DESC",
        )
    )

    await store.database.close()
    (plan,) = found
    begun, _, ends = plan.partition("correlated")
    assert f"search history using {index}" in begun
    assert "sort" not in plan
    assert "search later using history_by_host (collection=? and host_key=? and id>?)" in ends
    assert "scan" not in plan


def came_and_went(collection: str, hosts: int, periods: int) -> list[dict[str, Any]]:
    """Return the events of hosts that were held so often, one second each."""
    return [
        {
            **dict.fromkeys(("user", "user_key", "actor", "decision_id", "request_id"), "x"),
            "collection": collection,
            "collection_uid": "uid",
            "host_id": f"pc-{host}",
            "host_key": f"pc-{host}",
            "event": event,
            "cause": "SET",
            "time_us": 2 * number + (event == "REMOVED"),
        }
        for number in range(periods)
        for host in range(hosts)
        for event in ("ASSIGNED", "REMOVED")
    ]


def _append(events: list[dict[str, Any]], connection: Connection) -> None:
    connection.execute(insert(tables.history), events)


@pytest.mark.parametrize("host_key", ["", "pc-7"], ids=["all hosts", "one host"])
async def test_the_holders_of_a_time_cost_no_more_when_the_history_is_longer(
    store: Store, host_key: str
) -> None:
    lengths = {"short": 20, "long": 400}
    for collection, length in lengths.items():
        await store.commit(partial(_append, came_and_went(collection, 10, length)))
    wanted = Wanted(host_key=host_key, at_us=30)
    found: dict[str, list[Period]] = {}
    effort: dict[str, int] = {}

    def ask(connection: Connection, collection: str) -> None:
        found[collection] = list_periods(connection, collection, wanted, Page(100, None))

    def measure(connection: Connection) -> None:
        for collection in lengths:
            asking = partial(ask, connection, collection)
            effort[collection] = effort_of(connection, asking, "ORDER BY history.id")

    await store.commit(measure)

    assert shown(found["short"]) == [(*one[:2], 30, 31) for one in shown(found["long"])]
    assert len(found["long"]) == (1 if host_key else 10)
    # Trees are a level higher at the most.
    assert effort["long"] < 2 * effort["short"]


async def test_a_page_costs_two_statements_however_long_it_is(store: Store) -> None:
    await store.make()
    events = [
        {
            **dict.fromkeys(("user", "user_key", "actor", "decision_id", "request_id"), "x"),
            "collection": ENG,
            "collection_uid": "uid",
            "host_id": f"pc-{number // 2}",
            "host_key": f"pc-{number // 2}",
            "event": ("ASSIGNED", "REMOVED")[number % 2],
            "cause": "SET",
            "time_us": number,
        }
        for number in range(1000)
    ]
    await store.commit(lambda connection: connection.execute(insert(tables.history), events))

    run = await store.commit(
        lambda connection: plans(
            connection, lambda: list_periods(connection, ENG, Wanted(), Page(1000, None)), "history"
        )
    )

    assert len(run) == 2
