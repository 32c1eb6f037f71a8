"""What PostgreSQL's planner knows of hosts; SQLite's goes by the indexes alone."""

from __future__ import annotations

from sqlalchemy import text

from broker_service.__main__ import MIGRATIONS
from tests.broker_service.stores import Store, pcs
from tests.databases import PostgresqlServer

# -1: never told; autovacuum comes by after a minute at the earliest.
KNOWN = text("SELECT reltuples FROM pg_class WHERE oid = 'hosts'::regclass")


async def test_a_new_fleet_is_known_to_the_planner_at_once(postgresql: PostgresqlServer) -> None:
    store = Store(postgresql.new(MIGRATIONS))
    await store.make(*pcs(1_000))

    assert await store.database.read(lambda tx: tx.execute(KNOWN).scalar_one()) == 1_000
    await store.database.close()
