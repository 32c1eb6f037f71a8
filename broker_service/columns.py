"""What the columns and indexes of the broker's tables are made of, on either kind of database."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import Any

from sqlalchemy import BigInteger, Column, Index, Integer, String, text
from sqlalchemy.types import TypeEngine

# SQLite numbers rows by itself only for a column of exactly this type.
Id = BigInteger().with_variant(Integer, "sqlite")

# A value is there unless a column says otherwise.
column = partial(Column[Any], nullable=False)


def exact(length: int) -> TypeEngine[str]:
    """Return the type of a text that compares byte by byte."""
    return String(length).with_variant(String(length, collation="C"), "postgresql")


def partial_index(
    name: str, where: str, columns: Iterable[Column[Any]], *, unique: bool = False
) -> None:
    """Add an index of the rows for which a condition holds to the table of its columns."""
    condition = text(where)
    Index(name, *columns, unique=unique, sqlite_where=condition, postgresql_where=condition)
