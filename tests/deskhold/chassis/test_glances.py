from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from sqlalchemy import select

from deskhold.chassis.database import Database, migrate
from deskhold.chassis.glances import Glances
from deskhold.chassis.statements import Prepared
from tests.deskhold.chassis.things import MIGRATIONS, THINGS, put

NAMES = Prepared(select(THINGS.c.name))


async def test_a_glance_sees_what_was_just_committed(sqlite_database: Database) -> None:
    seen = []
    for name in ("one", "two", "three"):
        await sqlite_database.writer.call(put(name))
        seen.append({row[0] for row in sqlite_database.glance(NAMES) or ()})

    assert seen == [{"one"}, {"one", "two"}, {"one", "two", "three"}]


async def test_a_glance_does_not_see_what_is_not_committed(sqlite_database: Database) -> None:
    def look_before_the_commit(connection: object) -> object:
        put("soon")(connection)  # type: ignore[arg-type]
        return sqlite_database.glance(NAMES)

    assert await sqlite_database.writer.call(look_before_the_commit) == []


async def test_on_a_server_only_a_lane_can_tell() -> None:
    database = Database("postgresql+psycopg://nobody@localhost/nowhere")  # connects when asked

    assert database.glance(NAMES) is None

    await database.close()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "glanced.db"
    migrate(f"sqlite:///{path}", MIGRATIONS)
    return path


def test_where_sqlite_would_wait_a_glance_says_nothing(file: Path) -> None:
    glances = Glances(lambda: sqlite3.connect(file, isolation_level=None))
    holder = sqlite3.connect(file, isolation_level=None)
    holder.execute("PRAGMA locking_mode=EXCLUSIVE")
    holder.execute("BEGIN EXCLUSIVE")

    assert glances.rows("SELECT name FROM things") is None

    holder.close()
    assert glances.rows("SELECT name FROM things") == []
    glances.close()


def test_what_fails_says_nothing_and_the_next_glance_tries_again(file: Path) -> None:
    opened = []

    def connect() -> sqlite3.Connection:
        opened.append(file)
        return sqlite3.connect(file, isolation_level=None)

    glances = Glances(connect)

    assert glances.rows("SELECT name FROM nothings") is None
    assert glances.rows("SELECT name FROM things") == []
    assert glances.rows("SELECT name FROM things") == []
    assert len(opened) == 2
    glances.close()
