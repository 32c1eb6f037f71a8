"""A broker that is told to stop ends its watches, and writes what it has recorded."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path
from typing import Any

import grpc
import pytest
from sqlalchemy import create_engine, select
from sqlalchemy.pool import NullPool

from broker_service import tables
from deskhold.api.broker.v1 import watch_pb2, watch_pb2_grpc
from deskhold.channel import Endpoint, call_metadata, open_async
from tests.broker_service.pair import DEFAULT_TENANT, OWNER, Pair
from tests.databases import Databases


async def watch_and_stop(pair: Pair) -> str:
    """Watch, make a collection, stop the broker; return the collection once the watch has ended."""
    endpoint = Endpoint(
        pair.settings["DESKHOLD_BROKER_ADDRESS"], pair.home.ca_file, token=pair.token(OWNER)
    )
    async with open_async(endpoint) as channel, pair.once(OWNER) as client:
        stub: Any = watch_pb2_grpc.WatchServiceStub(channel)
        watching = stub.Watch(
            watch_pb2.WatchRequest(parent=DEFAULT_TENANT),
            metadata=call_metadata(endpoint, "the-watch"),
        )
        first: Any = await watching.read()
        assert first.position
        made = await client.create_collection(DEFAULT_TENANT, "eng", type="personal")

        os.kill(int(pair.home.process_id("broker")), signal.SIGTERM)

        while await watching.read() is not grpc.aio.EOF:
            pass
        assert await watching.code() is grpc.StatusCode.OK
    return made.name


@pytest.mark.slow
async def test_a_broker_that_stops_ends_watches_and_keeps_what_it_recorded(
    databases: Databases, tmp_path: Path
) -> None:
    pair = Pair.start(tmp_path, databases)
    try:
        name = await watch_and_stop(pair)
    finally:
        await asyncio.to_thread(pair.stop)

    engine = create_engine(pair.store_url, poolclass=NullPool)
    query = select(tables.activities.c.method, tables.activities.c.collection)
    with engine.connect() as connection:
        recorded = [tuple(row) for row in connection.execute(query)]
    engine.dispose()
    assert ("CollectionService/CreateCollection", name) in recorded
