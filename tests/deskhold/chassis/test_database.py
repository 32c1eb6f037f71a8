from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from sqlalchemy import Connection, text

from deskhold.chassis.database import Database, migrate
from deskhold.chassis.settings import SettingsError
from tests.deskhold.chassis.things import MIGRATIONS, put, stored


@pytest.mark.parametrize(
    ("pragma", "value"),
    [("journal_mode", "wal"), ("synchronous", 2), ("foreign_keys", 1)],
)
async def test_writes_are_durable_and_constrained(
    database: Database, pragma: str, value: object
) -> None:
    def ask(connection: Connection) -> object:
        return connection.execute(text(f"PRAGMA {pragma}")).scalar_one()

    assert await database.writer.call(ask) == value


async def test_a_read_sees_one_state_of_the_database(
    database: Database, database_file: Path
) -> None:
    def look_twice(connection: Connection) -> tuple[int, int]:
        count = text("SELECT count(*) FROM things")
        first = connection.execute(count).scalar_one()
        with sqlite3.connect(database_file) as other:
            other.execute("INSERT INTO things (name) VALUES ('meanwhile')")
        return first, connection.execute(count).scalar_one()

    assert await database.read(look_twice) == (0, 0)
    assert stored(database_file) == {"meanwhile"}


async def test_a_read_sees_what_was_answered_before_it(database: Database) -> None:
    await database.writer.call(put("pc-1"))

    def names(connection: Connection) -> list[str]:
        return list(connection.execute(text("SELECT name FROM things")).scalars())

    assert await database.read(names) == ["pc-1"]


async def test_migrating_again_changes_nothing(database: Database, database_file: Path) -> None:
    await database.writer.call(put("pc-1"))

    migrate(f"sqlite:///{database_file}", MIGRATIONS)

    assert stored(database_file) == {"pc-1"}


def test_migrating_makes_the_folder_of_the_database(tmp_path: Path) -> None:
    file = tmp_path / "not" / "there" / "things.db"

    migrate(f"sqlite:///{file}", MIGRATIONS)

    assert stored(file) == set()


def test_a_file_that_is_no_database_is_a_problem_of_the_settings(tmp_path: Path) -> None:
    folder = tmp_path / "things.db"
    folder.mkdir()

    with pytest.raises(SettingsError, match=r"things\.db"):
        migrate(f"sqlite:///{folder}", MIGRATIONS)
