"""Writing many rows at once, with texts that are composed once (`statements`).

PostgreSQL is given the values as an array for each column, since what a row costs there is mostly
the message that carries it. SQLite, which is no server, is given row after row.

Considered for SQLite, so that it takes a single step and the lane's thread gives up Python's lock
once: for changes `UPDATE ... FROM (VALUES ...)`, which needs half as long again, or a JSON array,
twice as long; for new rows an INSERT of several, by which a claim costs a tenth more.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sqlalchemy import (
    Connection,
    String,
    Table,
    Text,
    bindparam,
    cast,
    column,
    func,
    insert,
    select,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.engine import Dialect
from sqlalchemy.sql import ClauseElement
from sqlalchemy.types import TypeEngine

from deskhold.chassis.statements import compose, picker, run

Row = Sequence[Any]
Types = Mapping[str, TypeEngine[Any]]
# Makes a statement of the values of a row, by name.
Make = Callable[[Mapping[str, Any]], ClauseElement]


class PreparedForRows:
    """A statement that is run for many rows, made by `prepare_insert` or `prepare_update`."""

    def __init__(self, singly: _Singly, together: _Together) -> None:
        self._singly = singly
        self._together = together

    def run(self, connection: Connection, rows: Sequence[Row]) -> None:
        """Run it for the rows, each with its values in order; no two change the same."""
        if rows:
            is_server = connection.dialect.name == "postgresql"
            (self._together if is_server else self._singly).run(connection, rows)


def prepare_update(types: Types, make: Make) -> PreparedForRows:
    """Return an UPDATE.

    Args:
        types: The values' names and types, in the order of the rows.
        make: Returns the statement.
    """
    return PreparedForRows(_Singly(types, make), _Together(types, make))


def prepare_insert(
    table: Table, columns: Sequence[str], constants: Mapping[str, Any] | None = None
) -> PreparedForRows:
    """Return an INSERT.

    Args:
        table: Where the rows go.
        columns: Which columns they set, in their order.
        constants: What every row sets besides.
    """
    fixed = constants or {}
    types = {name: table.c[name].type for name in columns}
    singly = _Singly(types, lambda given: insert(table).values({**given, **fixed}))
    together = _Together(
        types,
        lambda given: insert(table).from_select(
            [*given, *fixed], select(*given.values(), *fixed.values())
        ),
    )
    return PreparedForRows(singly, together)


class _Singly:
    """A statement that is run for each row."""

    def __init__(self, types: Types, make: Make) -> None:
        self._types = types
        self._make = make
        self._composed: tuple[str, Callable[[Row], Any]] | None = None

    def run(self, connection: Connection, rows: Sequence[Row]) -> None:
        text, pick = self._composed = self._composed or self._compose(connection.dialect)
        run(connection, text, list(map(pick, rows)), many=True)

    def _compose(self, dialect: Dialect) -> tuple[str, Callable[[Row], Any]]:
        given = {name: bindparam(name, type_=type_) for name, type_ in self._types.items()}
        text, fixed, names = compose(self._make(given), dialect)
        order = (*self._types, *fixed)
        pick = picker([order.index(name) for name in names or ()])
        if not fixed:
            return text, pick
        values = tuple(fixed.values())
        return text, lambda row: pick((*row, *values))


class _Together:
    """A statement that is run once, about rows that are made of an array for each column."""

    def __init__(self, types: Types, make: Make) -> None:
        self._types = types
        self._make = make
        self._composed: tuple[str, Mapping[str, Any]] | None = None

    def run(self, connection: Connection, rows: Sequence[Row]) -> None:
        text, fixed = self._composed = self._composed or self._compose(connection.dialect)
        columns = zip(self._types, map(list, zip(*rows, strict=True)), strict=True)
        run(connection, text, {**fixed, **dict(columns)})

    def _compose(self, dialect: Dialect) -> tuple[str, Mapping[str, Any]]:
        arrays = (cast(bindparam(name), ARRAY(_plain(one))) for name, one in self._types.items())
        columns = (column(name, type_) for name, type_ in self._types.items())
        given = func.unnest(*arrays).table_valued(*columns).render_derived()
        text, fixed, _ = compose(self._make(dict(given.c.items())), dialect)
        return text, fixed


def _plain(type_: TypeEngine[Any]) -> TypeEngine[Any]:
    """Return a type as it is written in an array: lengths and collations are the column's."""
    return Text() if isinstance(type_, String) else type_
