"""Several processes on one store: constraints hold, and whoever loses is told why."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from sqlalchemy import Connection, insert, update
from sqlalchemy.exc import IntegrityError

from broker_service import tables
from tests.broker_service.racer import ACTS_PER_PROCESS, HOSTS, USERS
from tests.broker_service.stores import Store

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[3]
PROCESSES = 3
REASONS = {
    "OK",
    "HOST_HELD",
    "USER_LIMIT_REACHED",
    "ASSIGNMENT_NOT_FOUND",
    "IMPORT_REJECTED",
    "ETAG_MISMATCH",  # an import whose hosts others change all the while
    "NO_FREE_HOST",
    "HOST_NOT_FOUND",
}


def run_racers(url: str) -> Counter[str]:
    """Let several processes loose at the same moment; return the outcomes of all."""
    racers = [
        subprocess.Popen(
            [sys.executable, "-m", "tests.broker_service.racer", url, str(seed)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
        )
        for seed in range(PROCESSES)
    ]
    for racer in racers:
        assert racer.stdout is not None
        assert racer.stdout.readline() == "ready\n"
    for racer in racers:
        assert racer.stdin is not None
        racer.stdin.write("go\n")
        racer.stdin.flush()
    outcomes: Counter[str] = Counter()
    for racer in racers:
        out, _ = racer.communicate()
        assert racer.returncode == 0
        outcomes.update(json.loads(out))
    return outcomes


async def test_whatever_processes_do_at_once_the_rules_hold_and_history_tells_it(
    store: Store,
) -> None:
    await store.make(*HOSTS, max_desktops_per_user=2, auto_assign_user=True)

    outcomes = run_racers(store.url)

    assert outcomes.total() == PROCESSES * ACTS_PER_PROCESS
    assert set(outcomes) <= REASONS
    assert outcomes["OK"] > 0
    holdings = await store.holdings()
    assert set(holdings) <= set(HOSTS)
    assert set(holdings.values()) <= set(USERS)
    assert max(Counter(holdings.values()).values()) <= 2
    assert await store.replayed_history() == holdings


def held(connection: Connection, host_id: str, user: str | None, slot: int | None) -> None:
    values = {"user": user, "user_key": user, "slot": slot}
    row = update(tables.hosts).where(tables.hosts.c.host_id == host_id)
    connection.execute(row.values(values))


async def test_a_user_cannot_take_a_slot_twice_even_by_sql(store: Store) -> None:
    await store.make("pc-1", "pc-2")
    await store.set("alice@contoso.com", "pc-1")

    with pytest.raises(IntegrityError, match=r"(?i)unique"):
        await store.commit(lambda connection: held(connection, "pc-2", "alice@contoso.com", 0))


@pytest.mark.parametrize(("user", "slot"), [("alice@contoso.com", None), (None, 0)])
async def test_user_and_slot_come_together_even_by_sql(
    store: Store, user: str | None, slot: int | None
) -> None:
    await store.make("pc-1")

    with pytest.raises(IntegrityError, match="held_with_a_slot"):
        await store.commit(lambda connection: held(connection, "pc-1", user, slot))


async def test_a_host_cannot_be_in_two_collections_of_a_tenant_even_by_sql(store: Store) -> None:
    await store.make("pc-1")
    other = await store.make(name="tenantGroups/default/tenants/default/collections/other")

    def move_a_copy(connection: Connection) -> None:
        row = connection.execute(tables.hosts.select()).mappings().one()
        copy = {**row, "id": row["id"] + 1, "collection_id": other.id}
        connection.execute(insert(tables.hosts).values(copy))

    with pytest.raises(IntegrityError, match=r"(?i)unique"):
        await store.commit(move_a_copy)


@pytest.mark.parametrize("flag", ["auto_assign_user", "grant_administrative_privilege"])
async def test_a_pooled_collection_cannot_get_a_flag_even_by_sql(store: Store, flag: str) -> None:
    await store.make(type="POOLED")

    with pytest.raises(IntegrityError, match="personal_flags_only_on_personal"):
        await store.commit(
            lambda connection: connection.execute(update(tables.collections).values({flag: True}))
        )


async def test_a_host_cannot_be_without_a_collection_even_by_sql(store: Store) -> None:
    await store.make("pc-1")

    with pytest.raises(IntegrityError, match=r"(?i)foreign key"):
        await store.commit(
            lambda connection: connection.execute(update(tables.hosts).values(collection_id=99))
        )
