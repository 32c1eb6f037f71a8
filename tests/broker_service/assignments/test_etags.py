"""Who decides by what they have read is told when it has changed since."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from deskhold.errors import Aborted, InvalidArgument
from tests.broker_service.stores import Store

ALICE, BOB, CAROL = (f"{name}@contoso.com" for name in ("alice", "bob", "carol"))


@pytest.mark.parametrize(
    ("act", "host_id"),
    [
        (lambda store, stale: store.set(ALICE, "pc-1", etag=stale), "pc-1"),
        (lambda store, stale: store.set(CAROL, "pc-1", etag=stale, force=True), "pc-1"),
        (lambda store, stale: store.remove(host_id="pc-1", etag=stale), "pc-1"),
        (lambda store, stale: store.swap("pc-1", "pc-2", etag=stale), "pc-1"),
        (lambda store, stale: store.swap("pc-2", "pc-1", other_etag=stale), "pc-1"),
        (lambda store, stale: store.move("pc-1", "pc-3", etag=stale), "pc-1"),
    ],
    ids=["set again", "set by force", "remove", "swap", "swap the other", "move"],
)
async def test_what_has_changed_since_it_was_read_stays_as_it_is(
    store: Store, act: Callable[[Store, str], Awaitable[Any]], host_id: str
) -> None:
    await store.make("pc-1", "pc-2", "pc-3")
    await store.set(ALICE, "pc-1")
    await store.set(BOB, "pc-2")
    stale = (await store.host(host_id)).etag
    await store.swap("pc-1", "pc-2")
    await store.swap("pc-1", "pc-2")
    host, before = await store.host(host_id), store.dump()

    with pytest.raises(Aborted) as caught:
        await act(store, stale)

    assert caught.value.reason == "ETAG_MISMATCH"
    assert caught.value.metadata == {"name": host.name, "etag": host.etag}
    assert caught.value.message == (
        f"{host.name} is at etag {host.etag}, not {stale}; read it again"
    )
    assert store.dump() == before
    await act(store, host.etag)


async def test_an_etag_goes_with_a_host_and_not_with_a_user(store: Store) -> None:
    await store.make("pc-1")

    with pytest.raises(InvalidArgument) as caught:
        await store.remove(user=ALICE, etag="x")

    assert caught.value.metadata == {"field": "etag"}
    assert caught.value.message == "etag: is that of a host; give host_id, not user"
