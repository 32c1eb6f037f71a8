"""Strangers who open many TLS connections at once end no service."""

from __future__ import annotations

import asyncio
import ssl

import pytest

from deskhold.client import AsyncClient
from tests.journeys.pair import Pair

_AT_ONCE = 100
_ROUNDS = 20


@pytest.mark.parametrize(("service", "port"), [("broker", 0), ("rbac", 1)])
async def test_handshakes_of_many_at_once_end_no_service(
    pair: Pair, admin: AsyncClient, service: str, port: int
) -> None:
    process_id = pair.home.process_id(service)
    context = ssl.create_default_context(cafile=str(pair.home.ca_file))
    context.set_alpn_protocols(["h2"])

    async def connect() -> None:
        _, writer = await asyncio.open_connection(
            "127.0.0.1", pair.base_port + port, ssl=context, server_hostname="localhost"
        )
        writer.close()

    for _ in range(_ROUNDS):
        await asyncio.gather(*(connect() for _ in range(_AT_ONCE)), return_exceptions=True)

    assert pair.home.process_id(service) == process_id
    await admin.who_am_i()
    await admin.get_publisher("/tenantGroups/default/tenants/default")
