"""One of several brokers whose transactions and locks are switched off."""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy import Engine, create_engine, event
from sqlalchemy.pool import NullPool

from tests.races.broker_racer import SCENARIOS, Broker, let_loose


async def race(
    url: str, number: int, start: Callable[[], object], scenario: str
) -> list[list[str]]:
    """Do what the scenario says; nobody assigns before everybody has looked."""
    broker = Broker(url, number)
    broker.database.pools[0].engine = _unguarded(url, start)
    return await let_loose(broker, start, SCENARIOS[scenario])


def _unguarded(url: str, everybody: Callable[[], object]) -> Engine:
    """Return an engine whose statements are transactions of their own, so that no lock stays."""
    engine = create_engine(
        url,
        isolation_level="AUTOCOMMIT",
        poolclass=NullPool,
        connect_args={"check_same_thread": False} if url.startswith("sqlite") else {},
    )
    waits = iter([everybody])

    @event.listens_for(engine, "before_cursor_execute")
    def meet(_: object, __: object, statement: str, *___: object) -> None:
        if statement.startswith("UPDATE hosts"):
            next(waits, bool)()

    return engine
