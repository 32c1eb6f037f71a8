"""Statements that are composed once, for what a lane runs with every batch.

Composing a statement, finding it composed, rendering its parameters and describing what comes back
cost SQLAlchemy several times what SQLite takes to run it. These are turned into text once and go to
the driver itself, so what they return is what the driver returns: SQLite's booleans are 0 and 1.
What the driver raises is SQLAlchemy's error all the same, and who listens to an engine's statements
hears of these.

A database keeps some hundred texts prepared, so that there must not be one for each number of keys
or rows: the numbers are powers of two.

Considered for updating many rows: one `UPDATE ... FROM (VALUES ...)` or one JSON array, so that
SQLite takes a single step and the lane's thread gives up Python's lock once. SQLite needs half as
long again for the first and twice as long for the second as for a step for each row. An INSERT of
many rows takes three quarters of their steps one by one (`PreparedRows`).
"""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import chain
from operator import itemgetter
from typing import Any, Final

from sqlalchemy import BindParameter, Connection, Table, bindparam, insert
from sqlalchemy.engine import Dialect
from sqlalchemy.exc import DBAPIError
from sqlalchemy.sql import ClauseElement
from sqlalchemy.types import TypeEngine

# As many as a lane gathers.
_MOST: Final = 64

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
        self._row: Callable[[Sequence[Any]], Any] | None = None

    def run(self, connection: Connection, values: Mapping[str, Any]) -> Sequence[Any]:
        """Run a query with some values; return its rows, whose values have the columns' names."""
        text, parameters = self._for(connection.dialect)
        columns, rows = _run(connection, text, parameters(values), fetch=True)
        if self._row is None:
            self._row = _maker(columns)
        return list(map(self._row, rows))

    def run_each(self, connection: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
        """Run it with the values of each row."""
        if rows:
            text, parameters = self._for(connection.dialect)
            _run(connection, text, list(map(parameters, rows)), many=True)

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
    """An INSERT of many rows in a few steps.

    Args:
        table: Where they go.
        columns: Which columns a row sets, in the table's order.
    """

    def __init__(self, table: Table, columns: Sequence[str]) -> None:
        self._table = table
        self._columns = columns
        self._texts: dict[tuple[str, int], tuple[str, Sequence[str] | None]] = {}

    def run(self, connection: Connection, rows: Sequence[Sequence[Any]]) -> None:
        """Insert the rows, in their order."""
        start = 0
        while left := len(rows) - start:
            count = min(_MOST, 1 << left.bit_length() - 1)
            text, names = self._for(connection.dialect, count)
            values = tuple(chain.from_iterable(rows[start : start + count]))
            parameters = values if names is None else dict(zip(names, values, strict=True))
            _run(connection, text, parameters)
            start += count

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
    """A query about keys.

    Args:
        make: Returns the query about parameters that stand for the keys, for which it makes no
            difference that a key is among them twice. Its other parameters have names.
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
    ) -> Iterator[Any]:
        """Return the rows that are found, for some keys after the other when there are many."""
        return chain.from_iterable(
            self._run_some(connection, keys[start : start + _MOST], values)
            for start in range(0, len(keys), _MOST)
        )

    def _run_some(
        self, connection: Connection, keys: Sequence[Any], values: Mapping[str, Any]
    ) -> Sequence[Any]:
        count = 1 << (len(keys) - 1).bit_length()
        full = [*keys, *[keys[-1]] * (count - len(keys))]
        named = {f"key_{place}": key for place, key in enumerate(full)}
        return self._for(count).run(connection, {**values, **named})

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
    if len(names) < 2:
        return compiled.string, lambda values: [{**fixed, **values}[name] for name in names]
    pick = itemgetter(*names)
    return compiled.string, lambda values: pick({**fixed, **values})


def _maker(columns: Sequence[Any]) -> Callable[[Sequence[Any]], Any]:
    """Return what makes a row with names of what a driver returns (PEP 249's description)."""
    make: Any = namedtuple  # its checker wants names that are written out
    return make("Row", [column[0] for column in columns])._make  # type: ignore[no-any-return]


def _run(
    connection: Connection, text: str, parameters: Any, *, many: bool = False, fetch: bool = False
) -> tuple[Sequence[Any], Sequence[Any]]:
    """Give a text to the driver; return its description and all rows: one by one is dear.

    Raises:
        DBAPIError: As SQLAlchemy raises it.
    """
    driver = connection.connection
    cursor: Any = driver.cursor()
    for hear in connection.dispatch.before_cursor_execute:
        hear(connection, cursor, text, parameters, None, many)
    dialect = connection.dialect
    try:
        (cursor.executemany if many else cursor.execute)(text, parameters)
        if not fetch:
            return (), ()
        return cursor.description, cursor.fetchall()
    except dialect.loaded_dbapi.Error as error:
        raise DBAPIError.instance(
            text,
            parameters,
            error,
            dialect.loaded_dbapi.Error,
            connection_invalidated=dialect.is_disconnect(error, driver, cursor),
            dialect=dialect,
            ismulti=many,
        ) from error
    finally:
        cursor.close()
