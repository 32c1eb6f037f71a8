"""The decision log's questions to the database."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, delete, func, select

from deskhold.chassis.paging import Page
from deskhold.chassis.rows import prepare_insert
from rbac_service.log.decision_rules import DecisionFilter, RecordedDecision, StoredDecision
from rbac_service.tables import decisions

_INSERT = prepare_insert(
    decisions, [column.name for column in decisions.c if column is not decisions.c.id]
)


def insert_decisions(connection: Connection, batch: Sequence[RecordedDecision]) -> None:
    """Add decisions."""
    _INSERT.run(connection, [_row(one) for one in batch])


def prune(connection: Connection, kept: int, *, at_most: int) -> None:
    """Remove the oldest decisions beyond a bound, only so many at once."""
    newest, oldest = connection.execute(
        select(
            select(func.max(decisions.c.id)).scalar_subquery(),
            select(func.min(decisions.c.id)).scalar_subquery(),
        )
    ).one()
    # By id, which grows by one: counting a million rows for every batch would cost more than the
    # batch.
    border = min(newest - kept, oldest + at_most - 1)
    if border >= oldest:
        connection.execute(delete(decisions).where(decisions.c.id <= border))


def list_decisions(
    connection: Connection, wanted: DecisionFilter, page: Page
) -> list[StoredDecision]:
    """Return the decisions of a page, newest first, and one more when another page follows."""
    query = select(decisions).order_by(decisions.c.id.desc()).limit(page.probe)
    if page.after is not None:
        query = query.where(decisions.c.id < int(page.after))
    if wanted.decision_id is not None:
        query = query.where(decisions.c.decision_id == wanted.decision_id)
    if wanted.principal is not None:
        query = query.where(decisions.c.principal == wanted.principal)
    if wanted.denied_only:
        query = query.where(decisions.c.allowed.is_(False))
    return [StoredDecision(**row._mapping) for row in connection.execute(query)]


def _row(one: RecordedDecision) -> tuple[Any, ...]:
    """Return the columns but the id, in the table's order."""
    decision_id, time_us, caller, question, decision = one
    # Cut to the columns' lengths: a question that is refused for its length was still asked.
    return (
        decision_id[:64],
        time_us,
        caller[:600],
        question.principal_keys[0][:600],
        question.action[:256],
        question.scope[:1024],
        decision.allowed,
        decision.revision,
        decision.role_assignment[:1200],
    )
