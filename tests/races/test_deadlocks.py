"""Transactions that wait for each other in a circle: the one that is undone runs again."""

from __future__ import annotations

import asyncio
import time

import pytest
from sqlalchemy import Connection, Engine, text

from deskhold.chassis.db import Database
from tests.races.things import Stop, count_up, locked

pytestmark = pytest.mark.slow


async def test_a_deadlock_is_made_good(database: Database, own: Engine) -> None:
    stop = Stop()

    def work(connection: Connection) -> int:
        locked(connection, "a")
        stop.here()
        return locked(connection, "b")

    calling = asyncio.create_task(database.write(work))
    await stop.reached()

    await lock_against(own, stop)

    assert await calling == 1


async def lock_against(own: Engine, stop: Stop) -> None:
    """Have what the transaction is about to take, and wait for what it has."""
    with own.begin() as other:
        # The other waits longer, so that it is the transaction that finds the circle.
        other.execute(text("SET LOCAL deadlock_timeout = '20s'"))
        count_up(other, "b")
        waiting = asyncio.create_task(asyncio.to_thread(count_up, other, "a"))
        # The server looks for a circle once, so the circle has to be there by then.
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
