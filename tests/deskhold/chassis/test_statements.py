from __future__ import annotations

from sqlalchemy import Connection, bindparam, insert, select

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
            for wanted in ([], names[:1], names[1:2], names)
        ]

    assert await database.writer.call(find) == [[], [], names[1:2], names[1:]]
