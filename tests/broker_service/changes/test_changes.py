"""What is noted of a change."""

from __future__ import annotations

import pytest
from sqlalchemy import Connection, select

from broker_service.changes.rules import Changed, ResourceKind
from broker_service.changes.store import note
from broker_service.tables import changes
from tests.broker_service.stores import Store

PC = "tenantGroups/g/tenants/t/collections/c/hosts/pc-1"


async def test_a_change_is_noted_with_its_tenant(store: Store) -> None:
    def work(connection: Connection) -> None:
        note(connection, [Changed(ResourceKind.HOST, PC, 17)])

    await store.database.write(work)

    rows = await store.database.read(lambda tx: list(tx.execute(select(changes))))
    assert [(row.tenant, row.kind, row.name, row.time_us) for row in rows] == [
        ("tenantGroups/g/tenants/t", "HOST", PC, 17)
    ]


async def test_what_is_undone_is_not_noted(store: Store) -> None:
    def work(connection: Connection) -> None:
        note(connection, [Changed(ResourceKind.HOST, PC, 17)])
        raise ValueError("undo")

    with pytest.raises(ValueError, match="undo"):
        await store.database.write(work)

    assert await store.database.read(lambda tx: list(tx.execute(select(changes)))) == []
