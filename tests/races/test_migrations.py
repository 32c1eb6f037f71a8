"""Schemas: the same on every engine, whoever migrates."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from sqlalchemy import Connection, create_engine, inspect, select, text

import broker_service.tables
import rbac_service.tables
from deskhold.chassis.db import migrate
from deskhold.chassis.settings import SettingsError
from tests.databases import Databases, PostgresqlServer
from tests.races import BROKER_MIGRATIONS, RBAC_MIGRATIONS
from tests.races.processes import run_processes

pytestmark = pytest.mark.slow

SERVICES = [
    pytest.param(BROKER_MIGRATIONS, broker_service.tables, id="broker"),
    pytest.param(RBAC_MIGRATIONS, rbac_service.tables, id="rbac"),
]
both = pytest.mark.parametrize(("migrations", "tables"), SERVICES)


def shape(url: str) -> dict[str, Any]:
    """Return what a schema consists of, table by table."""
    engine = create_engine(url)
    with engine.connect() as connection:
        found = {
            table: _shape_of_table(connection, table)
            for table in inspect(connection).get_table_names()
            if table != "alembic_version"
        }
    engine.dispose()
    return found


def _shape_of_table(connection: Connection, table: str) -> dict[str, Any]:
    inspector = inspect(connection)
    return {
        "columns": sorted(
            # A serial column's default names its sequence.
            (one["name"], repr(one["type"]), one["nullable"], str(one["default"]))
            for one in inspector.get_columns(table)
        ),
        "key": inspector.get_pk_constraint(table)["constrained_columns"],
        "checks": sorted(
            (one["name"] or "", " ".join(one["sqltext"].split()))
            for one in inspector.get_check_constraints(table)
        ),
        "unique": sorted(
            sorted(one["column_names"]) for one in inspector.get_unique_constraints(table)
        ),
        "indexes": sorted(
            (
                one["name"] or "",
                one["column_names"],
                [str(rule) for name, rule in one["dialect_options"].items() if "where" in name],
            )
            for one in inspector.get_indexes(table)
        ),
        "foreign": sorted(
            (one["constrained_columns"], one["referred_table"])
            for one in inspector.get_foreign_keys(table)
        ),
    }


@both
def test_migrations_lead_to_the_tables_of_the_code(
    databases: Databases, migrations: Path, tables: ModuleType
) -> None:
    migrated, made = databases.new(migrations), databases.new()
    engine = create_engine(made)
    tables.metadata.create_all(engine)
    engine.dispose()

    assert shape(migrated) == shape(made)


@both
def test_nothing_is_left_to_migrate(
    databases: Databases, migrations: Path, tables: ModuleType
) -> None:
    engine = create_engine(databases.new(migrations))
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), tables.metadata) == []
    engine.dispose()


@both
def test_every_migration_can_be_undone_and_made_again(
    databases: Databases, migrations: Path, tables: ModuleType
) -> None:
    url = databases.new(migrations)
    before = shape(url)
    config = Config()
    config.set_main_option("script_location", str(migrations))
    engine = create_engine(url)
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.downgrade(config, "base")
    engine.dispose()
    assert shape(url) == {}

    migrate(url, migrations)

    assert shape(url) == before


@both
def test_processes_that_migrate_a_new_database_at_the_same_moment_all_succeed(
    databases: Databases, migrations: Path, tables: ModuleType
) -> None:
    url = databases.new()

    assert run_processes("tests.races.migrator", url, str(migrations), count=4) == ["done"] * 4

    assert shape(url) == shape(databases.new(migrations))


def test_names_and_keys_compare_byte_by_byte_on_postgresql(postgresql: PostgresqlServer) -> None:
    query = text(
        "SELECT c.relname || '.' || a.attname FROM pg_attribute a JOIN pg_class c ON"
        " c.oid = a.attrelid JOIN pg_collation l ON l.oid = a.attcollation"
        " WHERE c.relkind = 'r' AND l.collname = 'C' AND c.relnamespace = 'public'::regnamespace"
    )
    exact = set()
    for migrations in (BROKER_MIGRATIONS, RBAC_MIGRATIONS):
        engine = create_engine(postgresql.new(migrations))
        with engine.connect() as connection:
            exact |= set(connection.execute(query).scalars())
        engine.dispose()

    assert exact >= {
        "collections.name",
        "collections.tenant",
        "hosts.host_key",
        "hosts.user_key",
        "scopes.path",
        "role_assignments.scope",
        "role_assignments.principal_key",
        "group_members.member_key",
    }


def test_a_new_policy_store_has_one_head_whoever_migrated(databases: Databases) -> None:
    url = databases.new()

    run_processes("tests.races.migrator", url, str(RBAC_MIGRATIONS), count=4)

    engine = create_engine(url)
    with engine.connect() as connection:
        heads = connection.execute(select(rbac_service.tables.head.c.revision)).scalars().all()
    engine.dispose()
    assert heads == [0]


def test_a_server_that_cannot_be_used_is_told_without_the_password() -> None:
    url = "postgresql+psycopg://someone:secret@127.0.0.1:1/nothing"

    with pytest.raises(SettingsError, match=r"someone:\*\*\*@127\.0\.0\.1") as refused:
        migrate(url, BROKER_MIGRATIONS)

    assert "secret" not in str(refused.value)
