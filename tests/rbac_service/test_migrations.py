from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from sqlalchemy import Connection, create_engine, inspect, text
from sqlalchemy.exc import IntegrityError

from deskhold.chassis.database import migrate
from rbac_service import tables
from tests.rbac_service.running import MIGRATIONS


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'rbac.db'}"


def differences(connection: Connection) -> Any:
    """Return what would have to change for the schema to be that of `tables.py`."""
    context = MigrationContext.configure(connection, opts={"compare_server_default": True})
    return compare_metadata(context, tables.metadata)


def run(url: str, step: Any, target: str) -> None:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    with create_engine(url).begin() as connection:
        config.attributes["connection"] = connection
        step(config, target)


def test_the_migrations_make_the_tables(url: str) -> None:
    migrate(url, MIGRATIONS)

    with create_engine(url).connect() as connection:
        assert differences(connection) == []


def test_down_leaves_nothing_and_up_again_makes_the_tables(url: str) -> None:
    migrate(url, MIGRATIONS)

    run(url, command.downgrade, "base")
    with create_engine(url).connect() as connection:
        assert inspect(connection).get_table_names() == ["alembic_version"]

    run(url, command.upgrade, "head")
    with create_engine(url).connect() as connection:
        assert differences(connection) == []


def test_every_store_has_a_history_of_its_own(tmp_path: Path) -> None:
    epochs = set()
    for name in ("one", "other"):
        url = f"sqlite:///{tmp_path / name}.db"
        migrate(url, MIGRATIONS)
        with create_engine(url).connect() as connection:
            epochs.add(connection.execute(text("SELECT epoch FROM head")).scalar_one())

    assert len(epochs) == 2


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO head (id, epoch, revision) VALUES (2, 'x', 0)",
        "INSERT INTO head (id, epoch, revision) VALUES (1, 'x', 0)",
        "INSERT INTO scopes VALUES ('/a', '/not-there', '', 0, 1)",
        "INSERT INTO role_assignments VALUES ('2', '/', 'r', 'k', 'user', 'i', '', 0, '', 1)",
        "INSERT INTO role_assignments VALUES ('2', '/x', 'q', 'k', 'user', 'i', '', 0, '', 1)",
        "DELETE FROM scopes WHERE path = '/'",
        "INSERT INTO log VALUES (1, 0, 'a', 'r', 'd', '[]', 'x', 'x')",
    ],
)
def test_the_database_is_the_last_guard(url: str, statement: str) -> None:
    migrate(url, MIGRATIONS)
    with create_engine(url).connect() as connection:
        for wanted in (
            "PRAGMA foreign_keys = ON",
            "INSERT INTO scopes VALUES ('/', NULL, '', 0, 1)",
            "INSERT INTO role_assignments VALUES ('1', '/', 'r', 'k', 'user', 'i', '', 0, '', 1)",
            "INSERT INTO log VALUES (1, 0, 'a', 'r', 'd', '[]', 'x', 'x')",
        ):
            connection.execute(text(wanted))

        with pytest.raises(IntegrityError):
            connection.execute(text(statement))
