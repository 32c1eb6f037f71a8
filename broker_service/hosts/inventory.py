"""How many hosts each collection has, and how many a claim would take, for metrics."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any, Final

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from sqlalchemy import Connection, func, select

from broker_service.tables import collections, hosts
from deskhold.chassis.db import Database

_PAUSE_SECONDS: Final = 30.0
_IS_FREE = hosts.c.user_key.is_(None) & hosts.c.claim_rank.is_not(None)
_COUNTS = (
    select(
        collections.c.name,
        func.count(hosts.c.id).label("hosts"),
        func.count(hosts.c.id).filter(_IS_FREE).label("free"),
    )
    .outerjoin(hosts, hosts.c.collection_id == collections.c.id)
    .group_by(collections.c.name)
)


class Inventory(Collector):
    """Counts hosts every half minute; what was counted last is shown.

    Args:
        database: The broker's store.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._counts: tuple[Any, ...] = ()

    async def run(self) -> None:
        """Count until cancelled; raises what `count` raises."""
        while True:
            await self.count()
            await asyncio.sleep(_PAUSE_SECONDS)

    async def count(self) -> None:
        """Count once.

        Raises:
            Unavailable: The store does not answer.
            ResourceExhausted: Too much waits for it already.
        """
        self._counts = await self._database.read(_count)

    def collect(self) -> Iterator[Metric]:
        """Return the metrics as they were counted last."""
        total = GaugeMetricFamily(
            "deskhold_hosts", "Hosts of a collection, by collection.", labels=("collection",)
        )
        free = GaugeMetricFamily(
            "deskhold_hosts_free",
            "Hosts that a claim would take, by collection.",
            labels=("collection",),
        )
        for name, hosts_count, free_count in self._counts:
            total.add_metric((name,), hosts_count)
            free.add_metric((name,), free_count)
        yield from (total, free)


def _count(connection: Connection) -> tuple[Any, ...]:
    return tuple(map(tuple, connection.execute(_COUNTS)))
