"""What is kept for how long, and that forgetting takes small steps."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, func, select

from broker_service import tables
from broker_service.changes.rules import Changed, ResourceKind
from broker_service.changes.store import note
from broker_service.diagnostics import store as diagnostics_store
from broker_service.diagnostics.rules import ActivityKind, Seen
from broker_service.retention import Retention, Rule, rules
from tests.broker_service.stores import AUTHOR, DOMAINS, ENG, Store

HOUR_US = 3_600_000_000
NOW_US = 100 * 24 * HOUR_US


async def record(store: Store, *hours_ago: float) -> None:
    rows = [
        Seen(
            kind=ActivityKind.MANAGEMENT,
            method="HostService/GetHost",
            name=ENG,
            user="",
            host_id="",
            actor="",
            code="OK",
            reason="",
            action="",
            scope="",
            decision_id="",
            revision=0,
            role_assignment="",
            request_id=f"{hours}",
            started_us=int(NOW_US - hours * HOUR_US),
            duration_us=1,
        )
        for hours in hours_ago
    ]
    await store.database.write(lambda tx: diagnostics_store.insert_activities(tx, rows, DOMAINS))


async def change(store: Store, *hours_ago: float) -> None:
    changed = [
        Changed(ResourceKind.HOST, f"{ENG}/hosts/pc-{hours}", int(NOW_US - hours * HOUR_US))
        for hours in hours_ago
    ]
    await store.database.write(lambda tx: note(tx, changed))


async def count(store: Store, table: Any) -> int:
    def work(connection: Connection) -> int:
        return int(connection.execute(select(func.count()).select_from(table)).scalar_one())

    return await store.database.read(work)


def kept(**named: int) -> tuple[Rule, ...]:
    return rules(**{"activity_days": 1, "activity_rows": 1, "history_days": 365} | named)


def retention(store: Store, *rule: Rule, step: int = 500) -> Retention:
    return Retention(store.database, rule, clock_us=lambda: NOW_US, step=step)


async def left(store: Store, table: Any, column: str) -> list[Any]:
    query = select(table.c[column]).order_by(table.c.id)
    return await store.database.read(lambda tx: list(tx.execute(query).scalars()))


async def test_what_is_older_than_it_is_kept_goes_and_the_rest_stays(store: Store) -> None:
    await record(store, 31 * 24, 30 * 24 + 0.1, 30 * 24 - 0.1, 1)
    await change(store, 48, 25, 23, 1)

    await retention(store, *kept(activity_days=30, activity_rows=1000)).prune()

    assert await left(store, tables.activities, "request_id") == [f"{30 * 24 - 0.1}", "1"]
    names = [name.rpartition("/")[2] for name in await left(store, tables.changes, "name")]
    assert names == ["", "pc-23", "pc-1"]  # the first says what is missing


async def test_what_is_more_than_is_kept_goes_the_oldest_first(store: Store) -> None:
    await record(store, 5, 4, 3, 2, 1)
    await change(store, 5, 4, 3, 2, 1)
    everything = [Rule(rule.prune, 24, 2) for rule in kept(activity_days=1, activity_rows=1)[:2]]

    await retention(store, *everything).prune()

    assert await left(store, tables.activities, "request_id") == ["2", "1"]
    names = [name.rpartition("/")[2] for name in await left(store, tables.changes, "name")]
    assert names == ["", "pc-2", "pc-1"]


async def test_forgetting_takes_many_small_steps(store: Store) -> None:
    await record(store, *range(900, 800, -1))
    steps: list[int] = []
    (activities, *_) = kept(activity_days=1, activity_rows=1000)

    def counted(connection: Connection, **rest: Any) -> int:
        steps.append(activities.prune(connection, **rest))
        return steps[-1]

    await retention(store, Rule(counted, 24, 1000), step=30).prune()

    assert steps == [30, 30, 30, 10, 0]
    assert await count(store, tables.activities) == 0


async def test_changes_are_forgotten_in_steps_that_end(store: Store) -> None:
    await change(store, *range(200, 100, -1))
    (_, changes, _) = kept(activity_days=1, activity_rows=1000)

    await retention(store, changes, step=7).prune()
    await retention(store, changes, step=7).prune()

    assert await left(store, tables.changes, "kind") == ["PRUNED"]


async def test_numbers_are_never_used_again(store: Store) -> None:
    await change(store, 50, 40)
    (_, changes, _) = kept(activity_days=1, activity_rows=1000)
    await retention(store, changes).prune()

    await change(store, 1)

    assert await left(store, tables.changes, "id") == [2, 3]


async def test_nothing_stored_is_nothing_to_forget(store: Store) -> None:
    await retention(store, *kept(activity_days=30, activity_rows=10)).prune()

    assert await count(store, tables.changes) == 0


async def test_a_period_is_forgotten_so_many_days_after_its_end(store: Store) -> None:
    day_us = 24 * HOUR_US
    ends_us = {"pc-old": NOW_US - 11 * day_us, "pc-new": NOW_US - 9 * day_us}
    await store.make("pc-old", "pc-new", "pc-held")
    for host_id in (*ends_us, "pc-held"):
        await store.set(f"{host_id}@contoso.com", host_id, author=AUTHOR)
    for host_id, time_us in ends_us.items():
        await store.remove(host_id=host_id, author=AUTHOR._replace(now_us=time_us))
    await store.set("bob@contoso.com", "pc-old", author=AUTHOR._replace(now_us=NOW_US - day_us))

    await retention(store, *kept(history_days=10), step=1).prune()

    assert {(one.host_id, one.user) for one in await store.list_periods()} == {
        ("pc-old", "bob@contoso.com"),
        ("pc-new", "pc-new@contoso.com"),
        ("pc-held", "pc-held@contoso.com"),
    }
