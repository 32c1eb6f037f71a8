from __future__ import annotations

from pathlib import Path
from typing import Any

from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from sqlalchemy import create_engine, inspect
from sqlalchemy.engine import Connection

from broker_service import tables
from broker_service.__main__ import MIGRATIONS
from deskhold.chassis.database import migrate
from tests.broker_service.stores import Store


def shape(connection: Connection) -> dict[str, Any]:
    """Return what a schema consists of, table by table, names and rules included."""
    inspector = inspect(connection)
    return {
        table: {
            "columns": [
                (one["name"], str(one["type"]), one["nullable"], one["default"])
                for one in inspector.get_columns(table)
            ],
            "key": inspector.get_pk_constraint(table)["constrained_columns"],
            "checks": sorted(
                (one["name"], " ".join(one["sqltext"].split()))
                for one in inspector.get_check_constraints(table)
            ),
            "unique": sorted(
                (one["name"] or "", one["column_names"])
                for one in inspector.get_unique_constraints(table)
            ),
            "indexes": sorted(
                (one["name"], one["column_names"], str(one["dialect_options"].get("sqlite_where")))
                for one in inspector.get_indexes(table)
            ),
            "foreign": [
                (one["constrained_columns"], one["referred_table"])
                for one in inspector.get_foreign_keys(table)
            ],
        }
        for table in inspector.get_table_names()
        if table != "alembic_version"
    }


def shape_of(file: Path) -> dict[str, Any]:
    engine = create_engine(f"sqlite:///{file}")
    with engine.connect() as connection:
        found = shape(connection)
    engine.dispose()
    return found


def test_migrations_lead_to_the_tables_of_the_code(store_file: Path, tmp_path: Path) -> None:
    made = tmp_path / "made.db"
    engine = create_engine(f"sqlite:///{made}")
    tables.metadata.create_all(engine)
    engine.dispose()

    assert shape_of(store_file) == shape_of(made)


def test_nothing_is_left_to_migrate(store_file: Path) -> None:
    engine = create_engine(f"sqlite:///{store_file}")
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), tables.metadata) == []
    engine.dispose()


async def test_migrating_again_changes_nothing(store: Store) -> None:
    await store.make("pc-1")
    await store.set("alice@contoso.com", "pc-1")
    before = store.dump()

    migrate(f"sqlite:///{store.file}", MIGRATIONS)

    assert store.dump() == before


def test_every_migration_can_be_undone_and_made_again(store_file: Path) -> None:
    before = shape_of(store_file)
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    engine = create_engine(f"sqlite:///{store_file}")

    def run(move: Any, revision: str) -> dict[str, Any]:
        with engine.begin() as connection:
            config.attributes["connection"] = connection
            move(config, revision)
            return shape(connection)

    assert run(command.downgrade, "base") == {}
    assert run(command.upgrade, "head") == before
    engine.dispose()
