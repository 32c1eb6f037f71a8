from __future__ import annotations

from sqlalchemy import Connection, bindparam, insert, select

from deskhold.chassis.database import Database
from deskhold.chassis.statements import Prepared, PreparedForKeys
from tests.deskhold.chassis.things import THINGS, stored

INSERT = Prepared(insert(THINGS), ["name"])
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
    def insert_all(connection: Connection) -> None:
        INSERT.run(connection, {"name": "pc-1"})
        INSERT.run_each(connection, [{"name": "pc-2"}, {"name": "pc-3"}])
        INSERT.run_each(connection, [])

    await database.writer.call(insert_all)

    assert stored(database_url) == {"pc-1", "pc-2", "pc-3"}


async def test_a_query_finds_any_number_of_keys(database: Database) -> None:
    names = [f"pc-{number:03}" for number in range(200)]

    def find(connection: Connection) -> list[list[str]]:
        INSERT.run_each(connection, [{"name": name} for name in names])
        return [
            [row.name for row in FIND.run(connection, wanted, {"least": "pc-001"})]
            for wanted in ([], names[:1], names[1:2], names)
        ]

    assert await database.writer.call(find) == [[], [], names[1:2], names[1:]]
