"""Many processes decide on one store: what was revoked is revoked for all of them."""

from __future__ import annotations

import asyncio
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, select

from deskhold.chassis.db import Database
from rbac_service import tables
from rbac_service.bootstrap import bootstrap
from tests.databases import Databases
from tests.races import RBAC_MIGRATIONS
from tests.races.processes import COUNT, run_processes
from tests.races.revoking import DOMAINS, OWNER, WAYS
from tests.rbac_service.chain import first_broken

pytestmark = pytest.mark.slow

MODES = ("fully consistent", "fully consistent since now", "at least as fresh")
TURNS = 5  # of every way to lose access, in each process


@pytest.fixture
def store(databases: Databases) -> str:
    """A policy store with its first Owner."""
    url = databases.new(RBAC_MIGRATIONS)

    async def fill() -> None:
        database = Database(url)
        broker = "spiffe://deskhold/broker"
        await bootstrap(database, DOMAINS, owner=OWNER, enforcement_point=broker, now_us=1)
        await database.close()

    asyncio.run(fill())
    return url


def let_loose(store: str, folder: Path, policy: str, turns: int) -> list[dict[str, Any]]:
    told = run_processes("tests.races.enemy_racer", store, str(folder), policy, str(turns))
    revoked = COUNT * turns * len(WAYS)
    # All of them saw the first users allowed, and asked about every revocation in every mode;
    # otherwise there was nothing to be found.
    assert [one["granted"] for one in told] == [COUNT * len(WAYS)] * COUNT
    assert [one["checks"] for one in told] == [dict.fromkeys(MODES, revoked)] * COUNT
    return told


def stale_modes(told: list[dict[str, Any]]) -> Counter[str]:
    return Counter(mode for one in told for mode, *_ in one["stale"])


def test_what_was_revoked_is_allowed_by_no_process_any_more(store: str, tmp_path: Path) -> None:
    told = let_loose(store, tmp_path, "Policy", TURNS)

    assert [one["stale"] for one in told] == [[]] * COUNT
    engine = create_engine(store)
    with engine.connect() as connection:
        rows = connection.execute(select(tables.log).order_by(tables.log.c.revision))
        entries = [dict(row._mapping) for row in rows]
        head = connection.execute(select(tables.head.c.revision)).scalar_one()
    engine.dispose()
    assert [entry["revision"] for entry in entries] == list(range(1, head + 1))
    assert first_broken(entries) is None
    revisions = [revision for one in told for revision in one["revisions"]]
    assert len(set(revisions)) == len(revisions) == 2 * COUNT * TURNS * len(WAYS)
    assert set(revisions) <= set(range(1, head + 1))


@pytest.mark.parametrize(
    ("policy", "modes"),
    [("MinimizesLatency", set(MODES)), ("IgnoresTokens", {"at least as fresh"})],
)
def test_the_race_finds_who_answers_from_an_old_policy(
    store: str, tmp_path: Path, policy: str, modes: set[str]
) -> None:
    told = let_loose(store, tmp_path, policy, 1)

    assert set(stale_modes(told)) == modes
