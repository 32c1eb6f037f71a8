from __future__ import annotations

from sqlalchemy import Connection, Text, literal_column, select, update

from deskhold.chassis.database import Database
from deskhold.chassis.rows import prepare_insert, prepare_update
from tests.deskhold.chassis.things import THINGS

ROWS = prepare_insert(THINGS, ["name", "part_of"])
MOVE = prepare_update(
    {"thing": Text(), "whole": Text()},
    lambda given: (
        update(THINGS)
        .where(THINGS.c.name == given["thing"], THINGS.c.part_of.is_(None))
        .values(part_of=given["whole"], name=THINGS.c.name + "!")
    ),
)


def all_things(connection: Connection) -> list[tuple[str, str | None]]:
    rows = connection.execute(select(THINGS.c.name, THINGS.c.part_of).order_by(THINGS.c.name))
    return [(row.name, row.part_of) for row in rows]


async def test_many_rows_are_inserted_whatever_their_number(database: Database) -> None:
    names = [f"pc-{number:03}" for number in range(150)]

    def insert_some(connection: Connection) -> list[tuple[str, str | None]]:
        ROWS.run(connection, [])
        ROWS.run(connection, [("whole", None)])
        ROWS.run(connection, [(name, "whole") for name in names])
        return all_things(connection)

    things = await database.writer.call(insert_some)

    assert things == [*((name, "whole") for name in names), ("whole", None)]


async def test_every_row_gets_what_is_the_same_for_all(database: Database) -> None:
    parts = prepare_insert(THINGS, ["name"], {"part_of": literal_column("'whole'")})

    def insert_some(connection: Connection) -> list[tuple[str, str | None]]:
        ROWS.run(connection, [("whole", None)])
        parts.run(connection, [("pc-1",), ("pc-2",)])
        return all_things(connection)

    assert await database.writer.call(insert_some) == [
        ("pc-1", "whole"),
        ("pc-2", "whole"),
        ("whole", None),
    ]


async def test_rows_are_changed_each_to_values_of_its_own(database: Database) -> None:
    def change_some(connection: Connection) -> list[tuple[str, str | None]]:
        ROWS.run(connection, [("a", None), ("b", None), ("c", "a"), ("d", None)])
        MOVE.run(connection, [])
        MOVE.run(connection, [("a", "d"), ("b", "d"), ("c", "d"), ("none", "d")])
        return all_things(connection)

    assert await database.writer.call(change_some, dry=True) == [
        ("a!", "d"),
        ("b!", "d"),
        ("c", "a"),
        ("d", None),
    ]
