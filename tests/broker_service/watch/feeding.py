"""A hub at work, and what a watcher hears."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from broker_service.changes.rules import Changed, Position, ResourceKind
from broker_service.changes.store import note
from broker_service.watch.hub import Hub
from broker_service.watch.rules import Checkpoint, Event, Interest
from tests.broker_service.stores import ENG, TENANT, Store
from tests.supervision import supervised

EVERYTHING = Interest(TENANT, frozenset(ResourceKind))
OTHER = "tenantGroups/default/tenants/other/collections/eng"
Heard = AsyncGenerator[Event | Checkpoint]


@asynccontextmanager
async def following(store: Store, **limits: Any) -> AsyncIterator[Hub]:
    hub = Hub(store.database, **limits)
    async with supervised(hub.run):
        yield hub


def host(number: int | str, collection: str = ENG) -> Changed:
    return Changed(ResourceKind.HOST, f"{collection}/hosts/pc-{number}", 17)


async def change(store: Store, *changed: Changed) -> None:
    await store.database.write(lambda tx: note(tx, changed))


async def start(heard: Heard) -> Position:
    """Return where a watch from now begins."""
    first = await anext(heard)
    assert isinstance(first, Checkpoint)
    return first.position


async def events(heard: Heard, number: int) -> list[Event]:
    """Return the next changes, checkpoints aside."""
    found: list[Event] = []
    while len(found) < number:
        one = await anext(heard)
        if isinstance(one, Event):
            found.append(one)
    return found


async def hears(heard: Heard, number: int) -> list[str]:
    return [one.name.rpartition("/")[2] for one in await events(heard, number)]
