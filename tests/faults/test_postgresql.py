"""The PostgreSQL server of both services fails, and comes back as it was."""

from __future__ import annotations

import asyncio

import pytest

from tests.faults.databases import Postgresql
from tests.faults.trial import Trial

pytestmark = pytest.mark.parametrize("database", ["PostgreSQL"], indirect=True, scope="session")

_FAULT_SECONDS = 3
# Longer than gRPC, the pool and the broker's question to rbac wait before they try again.
_FROZEN_SECONDS = 15


async def test_postgresql_is_killed_and_started_again(trial: Trial, server: Postgresql) -> None:
    async with trial.of("database killed -9"):
        server.kill()
        await asyncio.sleep(_FAULT_SECONDS)
        await asyncio.to_thread(server.start)


async def test_postgresql_is_restarted(trial: Trial, server: Postgresql) -> None:
    async with trial.of("database restarted"):
        await asyncio.to_thread(server.stop)
        await asyncio.to_thread(server.start)


async def test_postgresql_stands_still(trial: Trial, server: Postgresql) -> None:
    async with trial.of("database stopped for 15 s"):
        with server.frozen():
            await asyncio.sleep(_FROZEN_SECONDS)


async def test_postgresql_is_demoted_to_a_standby_and_promoted_again(
    trial: Trial, server: Postgresql
) -> None:
    async with trial.of("database demoted, promoted"):
        await asyncio.to_thread(server.stop)
        await asyncio.to_thread(server.demote)
        await asyncio.sleep(_FAULT_SECONDS)
        await asyncio.to_thread(server.promote)


async def test_postgresql_has_no_connection_left(trial: Trial, server: Postgresql) -> None:
    async with trial.of("database: connection limit reached"):
        await asyncio.to_thread(server.refuse_connections)
        await asyncio.sleep(_FAULT_SECONDS)
        await asyncio.to_thread(server.allow_connections)
