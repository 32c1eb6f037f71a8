"""Statements that change hosts which are there."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import Connection, func, select, update

from broker_service.collections.rules import Collection
from broker_service.hosts.rules import Host, NewConnections
from broker_service.hosts.settings import HostChanges
from broker_service.hosts.store import chunks, next_us, reckon
from broker_service.tables import host_reports, hosts, sessions, sign_ins

_BOOT_ID = select(host_reports.c.boot_id).where(host_reports.c.host == hosts.c.id).scalar_subquery()
_SESSIONS = (
    select(func.count())
    .select_from(sessions)
    .where(sessions.c.host == hosts.c.id)
    .scalar_subquery()
)
_SIGN_INS = (
    select(func.count())
    .select_from(sign_ins)
    .where(sign_ins.c.host == hosts.c.id)
    .scalar_subquery()
)


def change_hosts(
    connection: Connection, changed: Sequence[Host], changes: HostChanges, now_us: int
) -> None:
    """Give hosts new values, in a statement for thousands of them."""
    ids = [host.id for host in changed]
    for chunk in chunks(ids):
        connection.execute(
            update(hosts)
            .where(hosts.c.id.in_(chunk))
            .values(version=hosts.c.version + 1, updated_us=next_us(now_us), **_values(changes))
        )
    reckon(connection, ids)


def move_hosts(
    connection: Connection, moved: Sequence[Host], destination: Collection, now_us: int
) -> None:
    """Put hosts that nobody holds into another collection; what was reserved has run out."""
    ids = [host.id for host in moved]
    for chunk in chunks(ids):
        connection.execute(
            update(hosts)
            .where(hosts.c.id.in_(chunk))
            .values(
                collection_id=destination.id,
                version=hosts.c.version + 1,
                updated_us=next_us(now_us),
                reserved_user=None,
                reserved_user_key=None,
                reserved_until_us=None,
                reserved_by=None,
            )
        )
    reckon(connection, ids)


def lock_rows(connection: Connection, ids: Iterable[int], *, waiting: bool = True) -> list[int]:
    """Lock hosts in the order of their numbers; return those that are there.

    Args:
        connection: An open transaction.
        ids: Their numbers.
        waiting: Wait for hosts that others have locked; otherwise pass them by.
    """
    locked: list[int] = []
    for chunk in chunks(sorted(set(ids))):
        query = select(hosts.c.id).where(hosts.c.id.in_(chunk)).order_by(hosts.c.id)
        locked += connection.execute(query.with_for_update(skip_locked=not waiting)).scalars()
    return locked


def recount(connection: Connection, ids: Sequence[int]) -> None:
    """Bring up to date what hosts carry: sessions, sign-ins and what claims go by.

    The hosts are locked, or their sessions could change while they are counted.
    """
    for chunk in chunks(ids):
        connection.execute(
            update(hosts)
            .where(hosts.c.id.in_(chunk))
            .values(session_count=_SESSIONS, sign_in_count=_SIGN_INS)
        )
    reckon(connection, ids)


def sessions_on(connection: Connection, ids: Sequence[int]) -> list[tuple[int, int]]:
    """Return (host, number) of the sessions on some hosts."""
    found: list[tuple[int, int]] = []
    for chunk in chunks(ids):
        query = select(sessions.c.host, sessions.c.session_id).where(sessions.c.host.in_(chunk))
        found += [(row.host, row.session_id) for row in connection.execute(query)]
    return found


def _values(changes: HostChanges) -> dict[str, Any]:
    values: dict[str, Any] = {
        "address": changes.address,
        "port": changes.port,
        "friendly_name": changes.friendly_name,
        "relative_weight": changes.weight,
        "session_limit": changes.session_limit,
    }
    given = {column: value for column, value in values.items() if value is not None}
    if changes.new_connections is not None:
        given["new_connections"] = changes.new_connections.value
        # Without a report the first one will say which start of the machine is meant.
        given["drained_boot_id"] = (
            func.coalesce(_BOOT_ID, "")
            if changes.new_connections is NewConnections.NOT_UNTIL_REBOOT
            else ""
        )
    return given
