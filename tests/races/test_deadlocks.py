"""Lanes that wait for each other in a circle: whoever is undone does its work all the same."""

from __future__ import annotations

import asyncio
import time
from functools import partial

import pytest
from sqlalchemy import Connection, Engine, select, text

from deskhold.chassis.database import Database
from tests.races.things import THINGS, Stop, count_up, locked

pytestmark = pytest.mark.slow


async def test_a_deadlock_is_made_good(database: Database, own: Engine) -> None:
    stop = Stop()

    def work(connection: Connection) -> int:
        locked(connection, "a")
        stop.here()
        return locked(connection, "b")

    calling = asyncio.create_task(database.writer.call(work))
    await stop.reached()

    await lock_against(own, stop)

    assert await calling == 1


async def test_what_was_undone_together_is_done_one_by_one(database: Database, own: Engine) -> None:
    stop = Stop()
    transactions: list[list[str]] = [[], []]

    def work(connection: Connection, *, place: int) -> None:
        current = connection.execute(text("SELECT pg_current_xact_id()::text")).scalar_one()
        transactions[place].append(current)
        count_up(connection, "ab"[place])
        if place == 0:
            stop.here()

    calling = [
        asyncio.create_task(database.writer.call(partial(work, place=place), about="ab"[place]))
        for place in (0, 1)
    ]
    await stop.reached()
    await lock_against(own, stop)
    await asyncio.gather(*calling)

    (first, again), others = transactions
    assert first not in {again, *others[-1:]}
    assert others[-1] != again
    with own.begin() as connection:
        counts = select(THINGS.c.name, THINGS.c.count).order_by(THINGS.c.name)
        assert connection.execute(counts).all() == [("a", 2), ("b", 2)]


async def lock_against(own: Engine, stop: Stop) -> None:
    """Have what the lane is about to take, and wait for what it has."""
    with own.begin() as other:
        # The other waits longer, so that it is the lane that finds the circle.
        other.execute(text("SET LOCAL deadlock_timeout = '20s'"))
        count_up(other, "b")
        waiting = asyncio.create_task(asyncio.to_thread(count_up, other, "a"))
        # The lane looks for a circle once, so the circle has to be there by then.
        await asyncio.to_thread(until_somebody_waits, own)
        stop.release()
        await waiting


def until_somebody_waits(own: Engine) -> None:
    waiting = text(
        "SELECT count(*) FROM pg_stat_activity"
        " WHERE datname = current_database() AND wait_event_type = 'Lock'"
    )
    with own.connect() as connection:
        while not connection.execute(waiting).scalar_one():
            connection.rollback()  # the view shows one transaction the same things
            time.sleep(0.01)
