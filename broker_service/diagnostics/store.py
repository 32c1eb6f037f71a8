"""The activities' questions to the database."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, delete, func, insert, or_, select

from broker_service.diagnostics.rules import (
    Activity,
    ActivityFilter,
    ActivityKind,
    Outcome,
    Place,
    Seen,
    outcome_of,
    place_of,
    printable,
)
from broker_service.tables import activities
from deskhold.chassis.paging import Page
from deskhold.errors import InvalidArgument
from deskhold.identities import Domains

_INSERT = insert(activities)


def insert_activities(connection: Connection, batch: Sequence[Seen], domains: Domains) -> None:
    """Add activities."""
    if batch:
        connection.execute(_INSERT, [_row(one, domains) for one in batch])


def has_activity(connection: Connection, one: Seen) -> bool:
    """Say whether an activity is stored already."""
    same = (
        activities.c.request_id == one.request_id[:128],
        activities.c.method == one.method,
        activities.c.started_us == one.started_us,
        activities.c.duration_us == one.duration_us,
    )
    return connection.execute(select(activities.c.id).where(*same).limit(1)).first() is not None


def list_activities(connection: Connection, wanted: ActivityFilter, page: Page) -> list[Activity]:
    """Return the activities of a page, newest first, and one more when another page follows."""
    conditions = _conditions(wanted)
    if page.after is not None:
        conditions.append(activities.c.id < int(page.after))
    if wanted.user_key is None:
        rows = _newest(connection, conditions, page)
    else:
        # Two walks along two indexes: no index serves an OR of both in the order of the page.
        is_for = activities.c.user_key == wanted.user_key
        is_by = activities.c.actor == f"user:{wanted.user_key}"
        rows = _newest(connection, [*conditions, is_for], page)
        rows += _newest(connection, [*conditions, is_by, ~is_for], page)
        rows = sorted(rows, key=lambda row: row.id, reverse=True)[: page.probe]
    return [_activity(row) for row in rows]


def prune(connection: Connection, *, before_us: int, kept: int, at_most: int) -> int:
    """Remove the oldest activities that are too old or too many, only so many at once.

    Args:
        connection: An open transaction.
        before_us: Those that began before are too old.
        kept: How many may stay.
        at_most: How many are looked at.

    Returns:
        How many were removed.
    """
    # By id, which grows by one: counting a million rows for every step would cost more than it.
    newest = connection.execute(select(func.max(activities.c.id))).scalar()
    if newest is None:
        return 0
    oldest = select(activities.c.id).order_by(activities.c.id).limit(at_most).scalar_subquery()
    due = or_(activities.c.started_us < before_us, activities.c.id <= newest - kept)
    gone = delete(activities).where(activities.c.id.in_(oldest), due)
    return connection.execute(gone).rowcount


def _newest(
    connection: Connection, conditions: list[ColumnElement[bool]], page: Page
) -> list[Row[Any]]:
    query = select(activities).where(*conditions).order_by(activities.c.id.desc())
    return list(connection.execute(query.limit(page.probe)))


def _conditions(wanted: ActivityFilter) -> list[ColumnElement[bool]]:
    columns = activities.c
    pairs = (
        (columns.tenant, wanted.tenant),
        (columns.collection, wanted.collection),
        (columns.host_key, wanted.host_key),
        (columns.kind, wanted.kind and wanted.kind.value),
        (columns.outcome, wanted.outcome and wanted.outcome.value),
        (columns.request_id, wanted.request_id),
    )
    conditions = [column == value for column, value in pairs if value is not None]
    if wanted.start_us is not None:
        conditions.append(columns.started_us >= wanted.start_us)
    if wanted.end_us is not None:
        conditions.append(columns.started_us < wanted.end_us)
    return conditions


def _row(seen: Seen, domains: Domains) -> dict[str, Any]:
    # Cut to the columns' lengths: letters may get more when they are folded.
    user, place = printable(seen.user), place_of(seen.name, printable(seen.host_id))
    return {
        "kind": seen.kind.value,
        "method": seen.method,
        "actor": seen.actor[:600],
        "user": user,
        "user_key": _key(user, domains),
        "tenant": place.tenant,
        "collection": place.collection,
        "host_key": place.host_key[:63],
        "outcome": outcome_of(seen.code).value,
        "code": seen.code,
        "reason": seen.reason,
        "action": seen.action,
        "scope": seen.scope,
        "decision_id": seen.decision_id[:64],
        "revision": seen.revision,
        "role_assignment": seen.role_assignment[:256],
        "request_id": seen.request_id[:128],
        "started_us": seen.started_us,
        "duration_us": seen.duration_us,
    }


def _key(user: str, domains: Domains) -> str:
    if not user:
        return ""
    try:
        return domains.user_key(user)[:600]
    except InvalidArgument:  # it was refused for that; by this name nobody can be looked for
        return ""


def _activity(row: Row[Any]) -> Activity:
    return Activity(
        id=row.id,
        kind=ActivityKind(row.kind),
        method=row.method,
        actor=row.actor,
        user=row.user,
        place=Place(row.tenant, row.collection, row.host_key),
        outcome=Outcome(row.outcome),
        code=row.code,
        reason=row.reason,
        action=row.action,
        scope=row.scope,
        decision_id=row.decision_id,
        revision=row.revision,
        role_assignment=row.role_assignment,
        request_id=row.request_id,
        started_us=row.started_us,
        duration_us=row.duration_us,
    )
