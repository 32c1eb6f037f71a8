"""How many commands wait for an agent."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
from sqlalchemy import create_engine
from sqlalchemy.pool import NullPool

from broker_service import tables
from broker_service.__main__ import MIGRATIONS
from broker_service.agents.rules import CommandResult
from broker_service.hosts.amendments import lock_rows
from broker_service.sessions.records import insert_command
from broker_service.sessions.reported import COMMAND_US
from deskhold.errors import ResourceExhausted
from tests.broker_service.agents.reports import report, session
from tests.broker_service.sessions.telling import tell
from tests.broker_service.stores import ENG, Store
from tests.databases import PostgresqlServer


async def test_no_more_than_a_hundred_commands_wait_for_an_agent(store: Store) -> None:
    await store.make("pc-1", "pc-2")
    there = (session(1),)
    await store.report(report("pc-1", sessions=there), report("pc-2", sessions=there))
    name = f"{ENG}/hosts/PC-1/sessions/1"
    told = [await tell(store, name) for _ in range(100)]

    with pytest.raises(ResourceExhausted) as caught:
        await tell(store, name)

    assert caught.value.reason == "QUOTA"
    assert caught.value.metadata == {"host": "pc-1", "limit": "100"}
    assert caught.value.message == (
        "100 commands wait for the agent of host pc-1 already; retry when it has reported"
    )
    assert caught.value.retry_after_seconds == 30
    assert len(await store.rows(tables.session_commands)) == 100
    await tell(store, f"{ENG}/hosts/pc-2/sessions/1")
    done = (CommandResult(told[0].command_id, True, ""),)
    await store.report(report("pc-1", sessions=there, results=done), now_us=3_000)
    await tell(store, name)
    with pytest.raises(ResourceExhausted):
        await tell(store, name)
    # What is too old to be sent does not count, whether it was ended already or not.
    await tell(store, name, now_us=2_000 + COMMAND_US + 1)


async def test_what_another_broker_is_adding_counts(postgresql: PostgresqlServer) -> None:
    """Only on PostgreSQL: SQLite has one writer at a time."""
    store = Store(postgresql.new(MIGRATIONS))
    await store.make("pc-1")
    await store.report(report(sessions=(session(1),)))
    name = f"{ENG}/hosts/pc-1/sessions/1"
    for _ in range(99):
        told = await tell(store, name)
    engine = create_engine(store.url, poolclass=NullPool)
    with engine.begin() as other:
        host = await store.host("pc-1")
        lock_rows(other, [host.id])
        insert_command(other, host, replace(told, command_id="the last one"))
        waiting = asyncio.create_task(tell(store, name))
        done, _ = await asyncio.wait([waiting], timeout=0.3)

    assert done == set(), "it was not waited for"
    with pytest.raises(ResourceExhausted):
        await waiting
    await store.database.close()
