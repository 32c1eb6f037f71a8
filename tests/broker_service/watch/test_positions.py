"""Where a watch may be taken up, and where no longer."""

from __future__ import annotations

from contextlib import aclosing

import pytest

from broker_service.changes.rules import Position
from broker_service.changes.store import prune
from broker_service.watch.hub import Hub
from deskhold.errors import Aborted, InvalidArgument
from tests.broker_service.stores import Store
from tests.broker_service.watch.feeding import (
    EVERYTHING,
    change,
    events,
    following,
    hears,
    host,
    start,
)


async def forget(store: Store, kept: int) -> None:
    await store.database.write(lambda tx: prune(tx, before_us=0, kept=kept, at_most=100))


async def test_a_position_whose_changes_are_no_longer_kept_is_gone(store: Store) -> None:
    async with following(store) as hub:
        async with aclosing(hub.follow(EVERYTHING, None)) as heard:
            began = await start(heard)
            await change(store, *(host(number) for number in range(5)))
            found = await events(heard, 5)
        await forget(store, kept=2)

        with pytest.raises(Aborted) as caught:
            await anext(hub.follow(EVERYTHING, began))
        assert (caught.value.reason, caught.value.metadata) == (
            "POSITION_GONE",
            {"position": str(began)},
        )
        assert "list everything and watch from now" in caught.value.message
        with pytest.raises(Aborted):
            await anext(hub.follow(EVERYTHING, found[1].position))
        # The newest that was forgotten is the last position that misses nothing.
        async with aclosing(hub.follow(EVERYTHING, found[2].position)) as again:
            assert await hears(again, 2) == ["pc-3", "pc-4"]


async def test_a_position_of_another_store_is_gone(store: Store) -> None:
    async with following(store) as hub:
        with pytest.raises(Aborted) as caught:
            await anext(hub.follow(EVERYTHING, Position(2**62, 7)))

    assert caught.value.reason == "POSITION_GONE"


async def test_when_the_hub_itself_was_left_behind_all_are_sent_away_and_may_begin_anew(
    store: Store,
) -> None:
    hub = Hub(store.database)
    async with aclosing(hub.follow(EVERYTHING, None)) as heard:
        await start(heard)
        await change(store, *(host(number) for number in range(5)))
        await forget(store, kept=2)
        await hub._advance()
        with pytest.raises(Aborted) as caught:
            await anext(heard)
    assert caught.value.reason == "POSITION_GONE"
    async with aclosing(hub.follow(EVERYTHING, None)) as heard:
        await start(heard)
        await change(store, host("new"))
        await hub._advance()
        assert await hears(heard, 1) == ["pc-new"]


NEVER_SENT = ["", "17", "1.2.3", "a.b", "-1.2", " 1.2", f"0.{2**63}", "1." + "9" * 30]


@pytest.mark.parametrize("text", NEVER_SENT)
def test_what_was_never_sent_is_no_position(text: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        Position.parse(text)

    assert caught.value.metadata == {"field": "position"}
    assert "give one that was" in caught.value.message


def test_a_position_is_read_back_as_it_was_sent() -> None:
    assert Position.parse(str(Position(12, 34))) == Position(12, 34)
