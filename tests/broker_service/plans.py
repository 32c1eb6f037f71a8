"""How the database runs a query."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sqlalchemy import Connection, event


def plans(connection: Connection, work: Callable[[], object], containing: str) -> list[str]:
    """Return how the database runs the queries of some work that contain a text.

    A plan says `using INDEX`, and `sort` where that does not give the order, on each engine.
    """
    explain = "EXPLAIN QUERY PLAN"
    if connection.dialect.name == "postgresql":
        explain = "EXPLAIN"
        connection.exec_driver_sql("ANALYZE")  # it does so by itself, but not at once
    seen: list[tuple[str, Any]] = []

    def see(_: object, __: object, statement: str, parameters: Any, *___: object) -> None:
        seen.append((statement, parameters))

    event.listen(connection.engine, "before_cursor_execute", see)
    work()
    event.remove(connection.engine, "before_cursor_execute", see)
    explained = (
        connection.exec_driver_sql(f"{explain} {statement}", parameters)
        for statement, parameters in seen
        if containing in statement
    )
    # SQLite's words are in the last column, PostgreSQL's in the only one.
    told = ("; ".join(row[-1] for row in rows).lower() for rows in explained)
    return [plan.replace("using index", "using").replace("temp b-tree", "sort") for plan in told]
