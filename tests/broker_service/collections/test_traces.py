"""What a change of a collection leaves behind in the store."""

from __future__ import annotations

import uuid
from dataclasses import replace
from typing import Any

from sqlalchemy import insert, select

from broker_service import tables
from deskhold.names import parse
from tests.broker_service.brokers import Broker
from tests.broker_service.stores import AUTHOR, ENG, Store


async def changed(store: Store) -> list[tuple[str, str]]:
    query = select(tables.changes.c.kind, tables.changes.c.name).order_by(tables.changes.c.id)
    return await store.database.read(lambda tx: [(row.kind, row.name) for row in tx.execute(query)])


async def test_a_change_is_noted_and_one_without_effect_is_not(broker: Broker) -> None:
    store = broker.store
    await store.make()

    for _ in range(2):
        await broker.collections.update(
            ENG,
            lambda draft: replace(draft, description="x"),
            etag="",
            now_us=5,
            commit=store.commit,
        )

    assert await changed(store) == [("COLLECTION", ENG)]
    found = await broker.collections.get(ENG)
    assert (found.version, found.updated_us, found.draft.description) == (2, 5, "x")


async def test_force_deletes_what_is_known_of_the_hosts(broker: Broker) -> None:
    store = broker.store
    made = await store.make("pc-1", "pc-2")
    await store.set("alice@contoso.com", "pc-1")

    def report(tx: Any) -> None:
        host = tx.execute(select(tables.hosts.c.id)).scalars().first()
        tx.execute(
            insert(tables.host_reports).values(
                host=host,
                heartbeat_us=1,
                status="AVAILABLE",
                boot_id="b",
                agent_version="1",
                health_checks="[]",
                administrators="[]",
            )
        )
        tx.execute(
            insert(tables.sessions).values(
                host=host,
                session_id=1,
                collection_id=made.id,
                user="a",
                user_key="a",
                state="ACTIVE",
                idle_us=0,
                client_name="",
                client_address="",
                application_id="",
                reported_us=1,
            )
        )
        tx.execute(
            insert(tables.sign_ins).values(
                collection_id=made.id, user_key="a", host=host, expires_us=1
            )
        )
        tx.execute(
            insert(tables.session_commands).values(
                command_id=str(uuid.uuid4()),
                host=host,
                session_id=1,
                kind="LOG_OFF",
                title="",
                body="",
                state="PENDING",
                result="",
                author="x",
                created_us=1,
            )
        )

    await store.commit(report)

    await broker.collections.delete(
        parse(ENG),
        etag="",
        force=True,
        validate_only=True,  # no authority here: only the transaction is looked at
        author=AUTHOR,
        commit=store.commit,
    )

    def left(tx: Any) -> list[int]:
        gone = (
            tables.hosts,
            tables.host_reports,
            tables.sessions,
            tables.sign_ins,
            tables.session_commands,
            tables.app_groups,
            tables.collections,
        )
        return [len(tx.execute(select(one)).all()) for one in gone]

    assert await store.database.read(left) == [0] * 7
    noted = await changed(store)
    assert ("COLLECTION", ENG) in noted
    assert ("APP_GROUP", f"{ENG}/appGroups/desktop") in noted
