"""The decision log's questions to the database."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, bindparam, delete, func, insert, select

from deskhold.chassis.paging import Page
from rbac_service.log.decision_rules import DecisionFilter, RecordedDecision, StoredDecision
from rbac_service.tables import decisions

_INSERT = insert(decisions)
_ENDS = select(
    select(func.max(decisions.c.id)).scalar_subquery(),
    select(func.min(decisions.c.id)).scalar_subquery(),
)
_DELETE_OLD = delete(decisions).where(decisions.c.id <= bindparam("border"))


def insert_decisions(connection: Connection, batch: Sequence[RecordedDecision]) -> None:
    """Add decisions."""
    if batch:
        connection.execute(_INSERT, [_cut(one) for one in batch])


def has_decision(connection: Connection, one: RecordedDecision) -> bool:
    """Say whether a decision is stored already."""
    names = ("decision_id", "time_us", "principal", "action", "scope")
    row = _cut(one)
    same = [decisions.c[name] == row[name] for name in names]
    return connection.execute(select(decisions.c.id).where(*same).limit(1)).first() is not None


def prune(connection: Connection, kept: int, *, at_most: int) -> None:
    """Remove the oldest decisions beyond a bound, only so many at once."""
    newest, oldest = connection.execute(_ENDS).one()
    # By id, which grows by one: counting a million rows for every batch would cost more than the
    # batch.
    border = min(newest - kept, oldest + at_most - 1)
    if border >= oldest:
        connection.execute(_DELETE_OLD, {"border": border})


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


def _cut(one: RecordedDecision) -> dict[str, Any]:
    """Cut texts to their columns' lengths: a question refused for its length was still asked."""
    decision_id, time_us, caller, principal, action, scope, allowed, revision, name = one
    return {
        "decision_id": decision_id[:64],
        "time_us": time_us,
        "caller": caller[:600],
        "principal": principal[:600],
        "action": action[:256],
        "scope": scope[:1024],
        "allowed": allowed,
        "revision": revision,
        "role_assignment": name[:1200],
    }
