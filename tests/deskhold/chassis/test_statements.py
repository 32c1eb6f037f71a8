from __future__ import annotations

import pytest
from sqlalchemy import Connection, bindparam, event, insert, select
from sqlalchemy.exc import IntegrityError

from deskhold.chassis.database import Database
from deskhold.chassis.statements import Prepared, PreparedForKeys
from tests.deskhold.chassis.things import THINGS, stored

ALL = Prepared(select(THINGS.c.name).order_by(THINGS.c.name))
INSERT = Prepared(insert(THINGS).values(name=bindparam("name")))
FIND = PreparedForKeys(
    lambda names: (
        select(THINGS.c.name)
        .where(THINGS.c.name.in_(names), THINGS.c.name >= bindparam("least"))
        .order_by(THINGS.c.name)
    ),
    THINGS.c.name.type,
)


async def test_a_statement_runs_again_and_again(database: Database, database_url: str) -> None:
    def insert_all(connection: Connection) -> list[str]:
        for name in ("pc-2", "pc-1"):
            assert len(INSERT.run(connection, {"name": name})) == 0
        return [row.name for row in ALL.run(connection, {})]

    assert await database.writer.call(insert_all) == ["pc-1", "pc-2"]
    assert stored(database_url) == {"pc-1", "pc-2"}


async def test_a_query_finds_any_number_of_keys(database: Database) -> None:
    names = [f"pc-{number:03}" for number in range(200)]

    def find(connection: Connection) -> list[list[str]]:
        for name in names:
            INSERT.run(connection, {"name": name})
        return [
            [row.name for row in FIND.run(connection, wanted, {"least": "pc-001"})]
            for wanted in ([], names[:1], names[1:2], names[:7], names)
        ]

    assert await database.writer.call(find) == [[], [], names[1:2], names[1:7], names[1:]]


async def test_few_texts_serve_all_numbers_of_keys(database: Database) -> None:
    texts: set[str] = set()

    def run(connection: Connection) -> None:
        def hear(_: object, __: object, statement: str, *___: object) -> None:
            texts.add(statement)

        event.listen(connection.engine, "before_cursor_execute", hear)
        for count in range(1, 65):
            names = [f"pc-{count}-{number}" for number in range(count)]
            assert list(FIND.run(connection, names, {"least": ""})) == []
        event.remove(connection.engine, "before_cursor_execute", hear)

    await database.writer.call(run)

    assert len(texts) == 7  # for 1, 2, 4 and so on up to 64


async def test_what_the_driver_raises_is_told_as_the_error_of_sqlalchemy(
    database: Database,
) -> None:
    def insert_twice(connection: Connection) -> None:
        INSERT.run(connection, {"name": "pc-1"})
        with connection.begin_nested() as savepoint:
            with pytest.raises(IntegrityError, match=r"(?i)unique") as one:
                INSERT.run(connection, {"name": "pc-1"})
            savepoint.rollback()
        assert isinstance(one.value.orig, connection.dialect.loaded_dbapi.IntegrityError)
        assert not one.value.connection_invalidated

    await database.writer.call(insert_twice)
