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


def effort_of(connection: Connection, work: Callable[[], object], containing: str) -> int:
    """Return how much the database does for the queries of some work that contain a text.

    SQLite counts instructions of its machine, PostgreSQL pages that it looks at.
    """
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql("ANALYZE")  # it does so by itself, but not at once
    seen: list[tuple[str, Any]] = []

    def see(_: object, __: object, statement: str, parameters: Any, *___: object) -> None:
        if containing in statement:
            seen.append((statement, parameters))

    event.listen(connection.engine, "before_cursor_execute", see)
    work()
    event.remove(connection.engine, "before_cursor_execute", see)
    count = _pages if connection.dialect.name == "postgresql" else _instructions
    return sum(count(connection, *one) for one in seen)


def _pages(connection: Connection, statement: str, parameters: Any) -> int:
    explain = f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {statement}"
    (plan,) = connection.exec_driver_sql(explain, parameters).scalar_one()
    return int(plan["Plan"]["Shared Hit Blocks"] + plan["Plan"]["Shared Read Blocks"])


def _instructions(connection: Connection, statement: str, parameters: Any) -> int:
    counted = 0

    def count() -> int:
        nonlocal counted
        counted += 1
        return 0

    driver: Any = connection.connection.driver_connection
    driver.set_progress_handler(count, 1)
    connection.exec_driver_sql(statement, parameters).all()
    driver.set_progress_handler(None, 1)
    return counted
