"""Statements that are composed once, for what a lane runs with every batch.

Composing a statement, finding it composed, rendering its parameters and describing what comes back
cost SQLAlchemy several times what SQLite takes to run it. These are turned into text once and go to
the driver itself, so what they return is what the driver returns: SQLite's booleans are 0 and 1.
What the driver raises is SQLAlchemy's error all the same, and who listens to an engine's statements
hears of these.

A driver keeps some hundred texts prepared, so that there must not be one for each number of keys:
the numbers are powers of two.
"""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import chain
from operator import itemgetter
from typing import Any, Final

from sqlalchemy import BindParameter, Connection, bindparam
from sqlalchemy.engine import Dialect
from sqlalchemy.exc import DBAPIError
from sqlalchemy.sql import ClauseElement
from sqlalchemy.types import TypeEngine

# As many as a lane gathers.
MOST: Final = 64

# A text, and how its parameters are made of values with names.
_Composed = tuple[str, Callable[[Mapping[str, Any]], Any]]


class Prepared:
    """A statement that is composed once for each kind of database.

    Args:
        statement: Its parameters have names.
    """

    def __init__(self, statement: ClauseElement) -> None:
        self._statement = statement
        self._composed: dict[str, _Composed] = {}
        self._row: Callable[[Sequence[Any]], Any] | None = None

    def run(self, connection: Connection, values: Mapping[str, Any]) -> Sequence[Any]:
        """Run it with some values; return the rows of a query, whose values have names."""
        text, parameters = self._for(connection.dialect)
        rows: Sequence[Any] = run(connection, text, parameters(values), self._fetch)
        return rows

    def _fetch(self, cursor: Any) -> Sequence[Any]:
        """Return all rows, since one by one is dear."""
        if self._row is None:
            if cursor.description is None:
                return ()
            make: Any = namedtuple  # its checker wants names that are written out
            self._row = make("Row", [column[0] for column in cursor.description])._make
        return list(map(self._row, cursor.fetchall()))

    def text(self, dialect: Dialect) -> str:
        """Return it as the driver gets it, for a query without parameters."""
        return self._for(dialect)[0]

    def _for(self, dialect: Dialect) -> _Composed:
        composed = self._composed.get(dialect.name)
        if composed is None:
            composed = self._composed[dialect.name] = self._compose(dialect)
        return composed

    def _compose(self, dialect: Dialect) -> _Composed:
        text, fixed, names = compose(self._statement, dialect)
        if names is None:
            return text, lambda values: {**fixed, **values}
        pick = picker(names)
        return text, lambda values: pick({**fixed, **values})


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
            self._run_some(connection, keys[start : start + MOST], values)
            for start in range(0, len(keys), MOST)
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


def compose(
    statement: ClauseElement, dialect: Dialect
) -> tuple[str, Mapping[str, Any], Sequence[str] | None]:
    """Return text, parameters with values of their own, and the order of all; None: by name."""
    compiled: Any = statement.compile(dialect=dialect)
    fixed = {name: value for name, value in compiled.params.items() if value is not None}
    return compiled.string, fixed, compiled.positiontup


def picker(keys: Sequence[Any]) -> Callable[[Any], Sequence[Any]]:
    """Return what gets the values of keys, in their order, however few these are."""
    if len(keys) > 1:
        return itemgetter(*keys)
    return lambda values: [values[key] for key in keys]


def run(
    connection: Connection,
    text: str,
    parameters: Any,
    fetch: Callable[[Any], Any] | None = None,
    *,
    many: bool = False,
) -> Any:
    """Give a text to the driver; return what is made of its cursor, if anything.

    The connection is in a transaction, as those of lanes are: none is begun here.

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
        return None if fetch is None else fetch(cursor)
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
