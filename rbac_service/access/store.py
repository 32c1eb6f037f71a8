"""Loading the whole policy from the database."""

from __future__ import annotations

from sqlalchemy import Connection, select

from rbac_service.access.snapshot import Snapshot
from rbac_service.log.store import read_head
from rbac_service.tables import role_assignments


def load_snapshot(connection: Connection) -> Snapshot:
    """Return the snapshot of the newest revision; head and rows are of one transaction."""
    head = read_head(connection)
    rows = connection.execute(
        select(
            role_assignments.c.principal_key,
            role_assignments.c.scope,
            role_assignments.c.role_id,
            role_assignments.c.id,
        )
    )
    return Snapshot.build(head.epoch, head.revision, (tuple(row) for row in rows))
