from __future__ import annotations

from pathlib import Path

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import create_engine, delete, func, insert, select

from broker_service import tables
from broker_service.__main__ import MIGRATIONS
from deskhold.chassis.db import migrate
from deskhold.chassis.settings import SettingsError
from tests.broker_service.stores import Store
from tests.databases import SqliteFiles

SIGN_IN = {"collection_id": 7, "user_key": "alice@contoso.com", "host": 8, "expires_us": 1}


async def test_migrating_again_changes_nothing(store: Store) -> None:
    await store.make("pc-1")
    await store.set("alice@contoso.com", "pc-1")
    before = store.dump()

    migrate(store.url, MIGRATIONS)

    assert store.dump() == before


async def test_hosts_made_anew_keep_what_refers_to_them(store: Store) -> None:
    """SQLite makes the table anew for 0004; sessions and reports would go with the old one."""
    await store.make("pc-1", "pc-2")
    await store.set("alice@contoso.com", "pc-1")
    await store.say("pc-1", "AVAILABLE")
    await store.sign_in("alice@contoso.com", "pc-1", 7)
    before, counted = store.dump(), counts(store.url)
    downgrade(store.url, "0003")

    migrate(store.url, MIGRATIONS)

    assert (store.dump(), counts(store.url)) == (before, counted)
    assert counted["sessions"] == counted["host_reports"] == 1


async def test_rows_that_refer_to_nothing_stop_a_migration(
    sqlite: SqliteFiles, migrations: Path
) -> None:
    url = sqlite.new(migrations)
    downgrade(url, "0003")
    before = counts(url)
    engine = create_engine(url)
    with engine.begin() as connection:
        connection.execute(insert(tables.sign_ins).values(**SIGN_IN))
    with pytest.raises(SettingsError) as refused:
        migrate(url, migrations)

    assert str(refused.value) == (
        "the database cannot be migrated: 2 of its rows refer to rows that are not there"
        " (sign_ins to collections, sign_ins to hosts); nothing was changed"
    )
    with engine.begin() as connection:
        connection.execute(delete(tables.sign_ins))
    engine.dispose()
    migrate(url, migrations)
    assert counts(url) == before
    sqlite.drop(url)


def downgrade(url: str, revision: str) -> None:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    engine = create_engine(url)
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.downgrade(config, revision)
    engine.dispose()


def counts(url: str) -> dict[str, int]:
    """Return how many rows each table has."""
    engine = create_engine(url)
    with engine.connect() as connection:
        found = {
            name: connection.execute(select(func.count()).select_from(table)).scalar_one()
            for name, table in tables.metadata.tables.items()
        }
    engine.dispose()
    return found
