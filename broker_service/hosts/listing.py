"""The hosts of a collection, page by page, by what is true of them."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import ColumnElement, Connection, func

from broker_service.collections.rules import Collection
from broker_service.hosts.rules import Condition, Host, NewConnections, Status
from broker_service.hosts.store import is_free, reported, reported_host
from broker_service.tables import host_reports, hosts
from deskhold.chassis.paging import Page


def list_hosts(
    connection: Connection,
    collection: Collection,
    page: Page,
    conditions: Iterable[Condition] = (),
    *,
    now_us: int = 0,
) -> list[Host]:
    """Return the hosts of a page by key, and one more when another page follows.

    Args:
        connection: An open transaction.
        collection: Where.
        page: Which page.
        conditions: Only hosts for which all of these hold.
        now_us: Reservations that have run out by then do not count.
    """
    query = reported(collection).order_by(hosts.c.host_key).limit(page.probe)
    if page.after is not None:
        query = query.where(hosts.c.host_key > page.after)
    for condition in conditions:
        query = query.where(_holds(condition, collection, now_us))
    return [reported_host(row, collection) for row in connection.execute(query)]


def _holds(condition: Condition, collection: Collection, now_us: int) -> ColumnElement[bool]:
    return {
        Condition.ASSIGNED: hosts.c.user_key.is_not(None),
        Condition.FREE: is_free(now_us),
        Condition.DRAINING: hosts.c.new_connections != NewConnections.YES.value,
        Condition.UNHEALTHY: host_reports.c.status.in_(
            [Status.NEEDS_ASSISTANCE.value, Status.UNAVAILABLE.value]
        ),
        Condition.RESERVED: hosts.c.reserved_until_us > now_us,
        Condition.QUARANTINED: hosts.c.quarantined_us.is_not(None),
        Condition.UNMONITORED: host_reports.c.host.is_(None),
        Condition.RIGHTS_PENDING: _applied() != _desired(collection),
    }[condition]


def _applied() -> ColumnElement[str]:
    return func.coalesce(host_reports.c.administrator_keys, "")


def _desired(collection: Collection) -> ColumnElement[str] | str:
    if not collection.draft.grant_administrative_privilege:
        return ""
    return func.coalesce(hosts.c.user_key, "")
