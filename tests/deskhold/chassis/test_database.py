from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import Connection, text

from deskhold.chassis.database import Database, migrate
from deskhold.chassis.settings import SettingsError
from tests.databases import PostgresqlServer
from tests.deskhold.chassis.things import MIGRATIONS, names, other_process, put, stored


@pytest.mark.parametrize(
    ("pragma", "value"),
    [("journal_mode", "wal"), ("synchronous", 2), ("foreign_keys", 1)],
)
async def test_on_sqlite_writes_are_durable_and_constrained(
    sqlite_database: Database, pragma: str, value: object
) -> None:
    def ask(connection: Connection) -> object:
        return connection.execute(text(f"PRAGMA {pragma}")).scalar_one()

    assert await sqlite_database.writer.call(ask) == value


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("transaction_isolation", "read committed"),
        ("lock_timeout", "10s"),
        ("statement_timeout", "1min"),
        ("idle_in_transaction_session_timeout", "1min"),
    ],
)
async def test_on_postgresql_nothing_is_waited_for_without_an_end(
    postgresql: PostgresqlServer, setting: str, value: str
) -> None:
    url = postgresql.new()
    database = Database(url)

    def ask(connection: Connection) -> object:
        return connection.execute(text(f"SHOW {setting}")).scalar_one()

    assert await database.writer.call(ask) == value
    await database.close()
    postgresql.drop(url)


async def test_a_read_sees_one_state_of_the_database(database: Database, database_url: str) -> None:
    def look_twice(connection: Connection) -> tuple[set[str], set[str]]:
        first = names(connection)
        with other_process(database_url) as other:
            put("meanwhile")(other)
        return first, names(connection)

    assert await database.read(look_twice) == (set(), set())
    assert stored(database_url) == {"meanwhile"}


async def test_a_read_sees_what_was_answered_before_it(database: Database) -> None:
    await database.writer.call(put("pc-1"))

    assert await database.read(names) == {"pc-1"}


async def test_migrating_again_changes_nothing(database: Database, database_url: str) -> None:
    await database.writer.call(put("pc-1"))

    migrate(database_url, MIGRATIONS)

    assert stored(database_url) == {"pc-1"}


def test_migrating_makes_the_folder_of_the_database(tmp_path: Path) -> None:
    file = tmp_path / "not" / "there" / "things.db"

    migrate(f"sqlite:///{file}", MIGRATIONS)

    assert file.exists()


def test_a_file_that_is_no_database_is_a_problem_of_the_settings(tmp_path: Path) -> None:
    folder = tmp_path / "things.db"
    folder.mkdir()

    with pytest.raises(SettingsError, match=r"things\.db"):
        migrate(f"sqlite:///{folder}", MIGRATIONS)
