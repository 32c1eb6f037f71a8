"""Metrics of hosts: what a claim would take, collection by collection."""

from __future__ import annotations

from prometheus_client import CollectorRegistry

from broker_service.hosts.inventory import Inventory
from tests.broker_service.stores import ENG, Store


async def test_free_hosts_are_counted_by_collection(store: Store) -> None:
    registry = CollectorRegistry()
    inventory = Inventory(store.database)
    registry.register(inventory)
    await store.make("pc-1", "pc-2", "pc-3")
    lab = ENG.replace("eng", "lab")
    await store.make(name=lab)
    await store.set("alice@contoso.com", "pc-1")
    await store.reserve("bob@contoso.com", "pc-2")

    await inventory.count()

    def shown(metric: str) -> list[float | None]:
        return [
            registry.get_sample_value(metric, {"collection": collection})
            for collection in (ENG, lab)
        ]

    assert shown("deskhold_hosts") == [3, 0]
    assert shown("deskhold_hosts_free") == [1, 0]
