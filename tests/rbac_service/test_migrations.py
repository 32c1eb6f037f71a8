from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from sqlalchemy import Connection, create_engine, inspect, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.pool import NullPool

from deskhold.chassis.db import migrate
from rbac_service import tables
from tests.databases import Databases
from tests.rbac_service.running import MIGRATIONS


@pytest.fixture
def url(databases: Databases) -> Iterator[str]:
    """An empty database, of each kind in turn."""
    made = databases.new()
    yield made
    databases.drop(made)


@contextmanager
def connected(url: str) -> Iterator[Connection]:
    engine = create_engine(url, poolclass=NullPool)
    with engine.connect() as connection:
        yield connection
    engine.dispose()


def differences(connection: Connection) -> Any:
    """Return what would have to change for the schema to be that of `tables.py`."""
    context = MigrationContext.configure(connection, opts={"compare_server_default": True})
    return compare_metadata(context, tables.metadata)


def run(url: str, step: Any, target: str) -> None:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    with connected(url) as connection, connection.begin():
        config.attributes["connection"] = connection
        step(config, target)


def test_the_migrations_make_the_tables(url: str) -> None:
    migrate(url, MIGRATIONS)

    with connected(url) as connection:
        assert differences(connection) == []


def test_down_leaves_nothing_and_up_again_makes_the_tables(url: str) -> None:
    migrate(url, MIGRATIONS)

    run(url, command.downgrade, "base")
    with connected(url) as connection:
        assert inspect(connection).get_table_names() == ["alembic_version"]

    run(url, command.upgrade, "head")
    with connected(url) as connection:
        assert differences(connection) == []


def test_every_store_has_a_history_of_its_own(databases: Databases) -> None:
    epochs = set()
    for url in (databases.new(), databases.new()):
        migrate(url, MIGRATIONS)
        with connected(url) as connection:
            epochs.add(connection.execute(text("SELECT epoch FROM head")).scalar_one())

    assert len(epochs) == 2


SCOPE = "INSERT INTO scopes (path, parent, display_name, created_us, revision) VALUES"
ASSIGNMENT = (
    "INSERT INTO role_assignments (id, scope, role_id, principal_key, principal_kind, principal_id,"
    " directory, created_us, created_by, revision) VALUES"
)
LOG = (
    "INSERT INTO log (revision, time_us, actor, request_id, decision_id, changes, previous_hash,"
    " hash) VALUES"
)
ROLE = "INSERT INTO role_definitions (id, name_key, content, revision) VALUES"
VERSION = "INSERT INTO role_versions (role_id, version, content) VALUES"
GROUP = "INSERT INTO groups (group_id, display_name, created_us, revision) VALUES"
MEMBER = (
    "INSERT INTO group_members (group_id, member_key, member_kind, member_id, directory,"
    " created_us) VALUES"
)


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO head (id, epoch, revision) VALUES (2, 'x', 0)",
        "INSERT INTO head (id, epoch, revision) VALUES (1, 'x', 0)",
        f"{SCOPE} ('/a', '/not-there', '', 0, 1)",
        f"{ASSIGNMENT} ('2', '/', 'r', 'k', 'user', 'i', '', 0, '', 1)",
        f"{ASSIGNMENT} ('2', '/x', 'q', 'k', 'user', 'i', '', 0, '', 1)",
        "DELETE FROM scopes WHERE path = '/'",
        f"{LOG} (1, 0, 'a', 'r', 'd', '[]', 'x', 'x')",
        f"{ROLE} ('2', 'gardener', '', 1)",
        f"{VERSION} ('1', 1, '')",
        f"{VERSION} ('not-there', 1, '')",
        "DELETE FROM role_definitions",
        f"{GROUP} ('g', '', 0, 1)",
        f"{MEMBER} ('g', 'k', 'user', 'i', '', 0)",
        f"{MEMBER} ('not-there', 'k', 'user', 'i', '', 0)",
        "DELETE FROM groups",
    ],
)
def test_the_database_is_the_last_guard(url: str, statement: str) -> None:
    migrate(url, MIGRATIONS)
    with connected(url) as connection:
        if connection.dialect.name == "sqlite":
            connection.execute(text("PRAGMA foreign_keys = ON"))
        for wanted in (
            f"{SCOPE} ('/', NULL, '', 0, 1)",
            f"{ASSIGNMENT} ('1', '/', 'r', 'k', 'user', 'i', '', 0, '', 1)",
            f"{LOG} (1, 0, 'a', 'r', 'd', '[]', 'x', 'x')",
            f"{ROLE} ('1', 'gardener', '', 1)",
            f"{VERSION} ('1', 1, '')",
            f"{GROUP} ('g', '', 0, 1)",
            f"{MEMBER} ('g', 'k', 'user', 'i', '', 0)",
        ):
            connection.execute(text(wanted))

        with pytest.raises(IntegrityError):
            connection.execute(text(statement))
