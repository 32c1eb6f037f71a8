from __future__ import annotations

from broker_service.__main__ import MIGRATIONS
from deskhold.chassis.database import migrate
from tests.broker_service.stores import Store


async def test_migrating_again_changes_nothing(store: Store) -> None:
    await store.make("pc-1")
    await store.set("alice@contoso.com", "pc-1")
    before = store.dump()

    migrate(store.url, MIGRATIONS)

    assert store.dump() == before
