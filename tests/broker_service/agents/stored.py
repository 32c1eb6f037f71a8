"""What the store holds of hosts, sign-ins and commands."""

from __future__ import annotations

from typing import Any

from sqlalchemy import insert, select, update

from broker_service import tables
from tests.broker_service.stores import Store


async def row(store: Store, host_id: str = "pc-1") -> Any:
    (found,) = [one for one in await store.rows(tables.hosts) if one.host_key == host_id]
    return found


async def send(store: Store, user_key: str, host_id: str = "pc-1") -> None:
    """Send a user to a host, as Connect does."""
    host = await row(store, host_id)
    await store.write(
        insert(tables.sign_ins).values(
            collection_id=host.collection_id,
            user_key=user_key,
            host=host.id,
            expires_us=100_000_000,
        )
    )
    await store.write(
        update(tables.hosts)
        .where(tables.hosts.c.id == host.id)
        .values(sign_in_count=tables.hosts.c.sign_in_count + 1)
    )


async def command(store: Store, command_id: str, number: int = 1, created_us: int = 1_000) -> None:
    host = select(tables.hosts.c.id).where(tables.hosts.c.host_key == "pc-1")
    await store.write(
        insert(tables.session_commands).values(
            command_id=command_id,
            host=host.scalar_subquery(),
            session_id=number,
            kind="LOG_OFF",
            title="",
            body="",
            state="PENDING",
            result="",
            author="user:admin@contoso.com",
            created_us=created_us,
        )
    )


async def states(store: Store) -> dict[str, tuple[str, str]]:
    rows = await store.rows(tables.session_commands)
    return {one.command_id: (one.state, one.result) for one in rows}
