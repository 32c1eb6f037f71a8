"""Noting changes, reading them in order, and forgetting the oldest.

On PostgreSQL numbers of rows are not in the order of commits, and nor are those of transactions. A
reader takes the rows of transactions below the oldest that is still under way: whatever commits
later stands behind them. On SQLite, which has one writer, every row that can be seen is settled.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sqlalchemy import BigInteger, Connection, delete, func, insert, select, tuple_, update
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import GenericFunction

from broker_service.changes.rules import Changed, Noted, Position, ResourceKind
from broker_service.tables import changes
from deskhold.chassis.db.rows import ManyRows


class _Transaction(GenericFunction[int]):
    """The number of the transaction, where numbers of rows are not in the order of commits.

    SQLite has one writer at a time: there they are.
    """

    type = BigInteger()
    inherit_cache = True
    name = "deskhold_transaction"


@compiles(_Transaction, "sqlite")
def _on_sqlite(element: _Transaction, compiler: Any, **_: Any) -> str:
    return "0"


@compiles(_Transaction, "postgresql")
def _on_postgresql(element: _Transaction, compiler: Any, **_: Any) -> str:
    return "pg_current_xact_id()::text::bigint"


class _Unsettled(GenericFunction[int]):
    """The first transaction of which rows may still be to come."""

    type = BigInteger()
    inherit_cache = True
    name = "deskhold_unsettled"


@compiles(_Unsettled, "sqlite")
def _unsettled_on_sqlite(element: _Unsettled, compiler: Any, **_: Any) -> str:
    return "1"


@compiles(_Unsettled, "postgresql")
def _unsettled_on_postgresql(element: _Unsettled, compiler: Any, **_: Any) -> str:
    return "pg_snapshot_xmin(pg_current_snapshot())::text::bigint"


# Stands in the place of the newest row that was removed, so that it is known what is missing, and
# so that SQLite, which numbers from the largest number there is, uses none twice.
_PRUNED = "PRUNED"
_PLACE = tuple_(changes.c.tx, changes.c.id)
_INSERT = ManyRows(insert(changes).values(tx=_Transaction()), ["tenant", "kind", "name", "time_us"])


def note(connection: Connection, changed: Iterable[Changed]) -> None:
    """Append changes, in the transaction that makes them."""
    rows = [(one.tenant, one.kind.value, one.name, one.time_us) for one in changed]
    _INSERT.run(connection, rows)


def read_horizon(connection: Connection) -> Position:
    """Return the place before which everything that will ever stand there can be seen now."""
    if connection.dialect.name == "sqlite":
        return Position(0, connection.execute(select(func.max(changes.c.id))).scalar() or 0)
    # Numbers of rows begin with 1.
    return Position(connection.execute(select(_Unsettled())).scalar_one(), 0)


def read_changes(connection: Connection, after: Position, at_most: int) -> list[Noted]:
    """Return the changes behind a place, in order, as far as nothing can come in between."""
    query = (
        select(changes)
        .where(_tuple(after) < _PLACE, changes.c.tx < _Unsettled())
        .order_by(changes.c.tx, changes.c.id)
        .limit(at_most)
    )
    return [
        Noted(
            Position(row.tx, row.id),
            None if row.kind == _PRUNED else ResourceKind(row.kind),
            row.name,
            row.time_us,
        )
        for row in connection.execute(query)
    ]


def prune(connection: Connection, *, before_us: int, kept: int, at_most: int) -> int:
    """Forget the oldest changes that are too old or too many, only so many at once.

    Args:
        connection: An open transaction.
        before_us: Those made before are too old.
        kept: How many may stay.
        at_most: How many are looked at.

    Returns:
        How many were removed.
    """
    newest = connection.execute(select(func.max(changes.c.id))).scalar() or 0
    due: list[Position] = []
    for one in read_changes(connection, Position(0, 0), at_most):
        if one.kind is not None and one.time_us >= before_us and one.position.id > newest - kept:
            break
        due.append(one.position)
    if len(due) < 2:  # the first may be what an earlier step left
        return 0
    last = due[-1]
    connection.execute(delete(changes).where(_tuple(last) > _PLACE))
    connection.execute(
        update(changes).where(changes.c.id == last.id).values(kind=_PRUNED, name="", tenant="")
    )
    return len(due) - 1


def _tuple(position: Position) -> Any:
    return tuple_(position.tx, position.id)
