"""Statements that are composed once, for what a lane runs with every batch.

Composing a statement, finding it composed, and rendering its parameters costs SQLAlchemy several
times what SQLite takes to run it. These are turned into text once and handed to the driver, so what
they return is what the driver returns: SQLite's booleans are 0 and 1.

Considered for updating many rows: one `UPDATE ... FROM (VALUES ...)` or one JSON array, so that
SQLite takes a single step and the lane's thread gives up Python's lock once. SQLite needs half as
long again for the first and twice as long for the second as for a step for each row. An INSERT of
many rows takes three quarters of their steps one by one (`PreparedRows`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import chain
from typing import Any, Final

from sqlalchemy import BindParameter, Connection, Row, Table, bindparam, insert
from sqlalchemy.engine import Dialect
from sqlalchemy.sql import ClauseElement
from sqlalchemy.types import TypeEngine

# As many as a lane gathers; it bounds the texts that are kept.
_KEYS: Final = 64

# A text, and how its parameters are made of values with names.
_Composed = tuple[str, Callable[[Mapping[str, Any]], Any]]


class Prepared:
    """A statement that is composed once for each kind of database.

    Args:
        statement: Its parameters have names.
        columns: Of an INSERT: which columns it sets, each from the parameter of its name.
    """

    def __init__(self, statement: ClauseElement, columns: Sequence[str] = ()) -> None:
        self._statement = statement
        self._columns = columns
        self._composed: dict[str, _Composed] = {}

    def run(self, connection: Connection, values: Mapping[str, Any]) -> Sequence[Row[Any]]:
        """Run it with some values and return the rows it finds, all at once: one by one is dear."""
        text, parameters = self._for(connection.dialect)
        return connection.exec_driver_sql(text, parameters(values)).all()

    def run_each(self, connection: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
        """Run it with the values of each row."""
        if rows:
            text, parameters = self._for(connection.dialect)
            connection.exec_driver_sql(text, [parameters(row) for row in rows])

    def text(self, dialect: Dialect) -> str:
        """Return it as the driver gets it, for a query without parameters."""
        return self._for(dialect)[0]

    def _for(self, dialect: Dialect) -> _Composed:
        composed = self._composed.get(dialect.name)
        if composed is None:
            composed = _compose(self._statement, dialect, self._columns)
            self._composed[dialect.name] = composed
        return composed


class PreparedRows:
    """An INSERT of many rows in one step, composed once for each kind of database and each number.

    Args:
        table: Where they go.
        columns: Which columns a row sets, in the table's order.
    """

    def __init__(self, table: Table, columns: Sequence[str]) -> None:
        self._table = table
        self._columns = columns
        self._texts: dict[tuple[str, int], tuple[str, Sequence[str] | None]] = {}

    def run(self, connection: Connection, rows: Sequence[Sequence[Any]]) -> None:
        """Insert the rows, some after the other when there are many."""
        for start in range(0, len(rows), _KEYS):
            some = rows[start : start + _KEYS]
            text, names = self._for(connection.dialect, len(some))
            values = tuple(chain.from_iterable(some))
            parameters = values if names is None else dict(zip(names, values, strict=True))
            connection.exec_driver_sql(text, parameters)

    def _for(self, dialect: Dialect, count: int) -> tuple[str, Sequence[str] | None]:
        """Return the text, and the parameters' names when the driver goes by those."""
        text = self._texts.get((dialect.name, count))
        if text is None:
            rows: list[dict[str, BindParameter[Any]]] = [
                {name: bindparam(f"{name}_{row}") for name in self._columns} for row in range(count)
            ]
            compiled: Any = insert(self._table).values(rows).compile(dialect=dialect)
            by_name = compiled.positiontup is None
            names = [f"{name}_{row}" for row in range(count) for name in self._columns]
            text = compiled.string, names if by_name else None
            self._texts[dialect.name, count] = text
        return text


class PreparedForKeys:
    """A query about keys, composed once for each kind of database and number of keys.

    Args:
        make: Returns the query about parameters that stand for the keys. Its other parameters have
            names.
        type_: What the keys are.
    """

    def __init__(
        self, make: Callable[[Sequence[BindParameter[Any]]], ClauseElement], type_: TypeEngine[Any]
    ) -> None:
        self._make = make
        self._type = type_
        self._prepared: dict[int, Prepared] = {}

    def run(
        self, connection: Connection, keys: Sequence[Any], values: Mapping[str, Any]
    ) -> Iterator[Row[Any]]:
        """Return the rows that are found, for some keys after the other when there are many."""
        return chain.from_iterable(
            self._for(len(some)).run(
                connection, {**values, **{f"key_{place}": key for place, key in enumerate(some)}}
            )
            for some in (keys[start : start + _KEYS] for start in range(0, len(keys), _KEYS))
        )

    def _for(self, count: int) -> Prepared:
        prepared = self._prepared.get(count)
        if prepared is None:
            keys = [bindparam(f"key_{place}", type_=self._type) for place in range(count)]
            prepared = self._prepared[count] = Prepared(self._make(keys))
        return prepared


def _compose(statement: ClauseElement, dialect: Dialect, columns: Sequence[str]) -> _Composed:
    compiled: Any = statement.compile(dialect=dialect, column_keys=list(columns) or None)
    fixed = {name: value for name, value in compiled.params.items() if value is not None}
    names = compiled.positiontup
    if names is None:
        return compiled.string, lambda values: {**fixed, **values}
    return compiled.string, lambda values: tuple(
        [values[name] if name in values else fixed[name] for name in names]
    )
