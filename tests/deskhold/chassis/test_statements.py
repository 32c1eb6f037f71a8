from __future__ import annotations

import pytest
from sqlalchemy import Connection, bindparam, event, insert, select
from sqlalchemy.exc import IntegrityError

from deskhold.chassis.database import Database
from deskhold.chassis.statements import Prepared, PreparedForKeys, PreparedRows
from tests.deskhold.chassis.things import THINGS, stored

ALL = Prepared(select(THINGS.c.name).order_by(THINGS.c.name))
INSERT = Prepared(insert(THINGS), ["name"])
ROWS = PreparedRows(THINGS, ["name", "part_of"])
FIND = PreparedForKeys(
    lambda names: (
        select(THINGS.c.name)
        .where(THINGS.c.name.in_(names), THINGS.c.name >= bindparam("least"))
        .order_by(THINGS.c.name)
    ),
    THINGS.c.name.type,
)


async def test_a_statement_runs_with_the_values_of_each_row(
    database: Database, database_url: str
) -> None:
    def insert_all(connection: Connection) -> list[str]:
        INSERT.run_each(connection, [{"name": "pc-2"}, {"name": "pc-1"}])
        INSERT.run_each(connection, [])
        return [row.name for row in ALL.run(connection, {})]

    assert await database.writer.call(insert_all) == ["pc-1", "pc-2"]
    assert stored(database_url) == {"pc-1", "pc-2"}


async def test_many_rows_are_inserted_in_their_order_whatever_their_number(
    database: Database,
) -> None:
    def insert_some(connection: Connection) -> list[str]:
        ROWS.run(connection, [])
        ROWS.run(connection, [("whole", None)])
        ROWS.run(connection, [(f"pc-{number:03}", "whole") for number in range(150)])
        return [row.name for row in ALL.run(connection, {})]

    stored_names = await database.writer.call(insert_some)

    assert stored_names == [*(f"pc-{number:03}" for number in range(150)), "whole"]


async def test_a_query_finds_any_number_of_keys(database: Database) -> None:
    names = [f"pc-{number:03}" for number in range(200)]

    def find(connection: Connection) -> list[list[str]]:
        INSERT.run_each(connection, [{"name": name} for name in names])
        return [
            [row.name for row in FIND.run(connection, wanted, {"least": "pc-001"})]
            for wanted in ([], names[:1], names[1:2], names[:7], names)
        ]

    assert await database.writer.call(find) == [[], [], names[1:2], names[1:7], names[1:]]


async def test_few_texts_serve_all_numbers_of_keys_and_rows(database: Database) -> None:
    texts: set[str] = set()

    def run(connection: Connection) -> None:
        def hear(_: object, __: object, statement: str, *___: object) -> None:
            texts.add(statement)

        event.listen(connection.engine, "before_cursor_execute", hear)
        for count in range(1, 65):
            names = [f"pc-{count}-{number}" for number in range(count)]
            ROWS.run(connection, [(name, None) for name in names])
            assert len(list(FIND.run(connection, names, {"least": ""}))) == count
        event.remove(connection.engine, "before_cursor_execute", hear)

    await database.writer.call(run)

    # 1, 2, 4 and so on up to 64 of each.
    assert len(texts) == 2 * 7


async def test_what_the_driver_raises_is_told_as_the_error_of_sqlalchemy(
    database: Database,
) -> None:
    def insert_twice(connection: Connection) -> None:
        INSERT.run_each(connection, [{"name": "pc-1"}])
        with connection.begin_nested() as savepoint:
            with pytest.raises(IntegrityError, match=r"(?i)unique") as one:
                INSERT.run_each(connection, [{"name": "pc-1"}])
            savepoint.rollback()
        assert isinstance(one.value.orig, connection.dialect.loaded_dbapi.IntegrityError)
        assert not one.value.connection_invalidated

    await database.writer.call(insert_twice)
