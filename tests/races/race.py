"""A race of brokers on one store, and what must be true after it."""

from __future__ import annotations

import uuid
from collections import Counter
from typing import Any

from sqlalchemy import Engine, create_engine, select

from broker_service import tables
from broker_service.collections import store
from broker_service.collections.rules import CollectionType, Draft
from broker_service.hosts.rules import NewHost
from broker_service.hosts.usecases import add_hosts
from deskhold.chassis.db import Connection
from tests.races.broker_racer import ENG
from tests.races.processes import COUNT, run_processes

HOST_COLUMNS = (tables.hosts.c.host_key, tables.hosts.c.user_key)


class Race:
    """A collection, and brokers let loose on it."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._engine: Engine = create_engine(url)

    def make(
        self,
        hosts: int,
        *,
        type: CollectionType = CollectionType.PERSONAL,
        max_desktops_per_user: int = 1,
    ) -> None:
        def work(connection: Connection) -> None:
            made = store.insert_collection(
                connection,
                name=ENG,
                tenant=ENG.partition("/collections/")[0],
                uid=str(uuid.uuid4()),
                draft=Draft(
                    display_name="",
                    description="",
                    type=type,
                    auto_assign_user=type is CollectionType.PERSONAL,
                    grant_administrative_privilege=False,
                    max_desktops_per_user=max_desktops_per_user,
                ),
                app_group_ids=("desktop",),
                now_us=1,
            )
            add_hosts(connection, made, [NewHost(f"pc-{n + 1}") for n in range(hosts)], 1)

        with self._engine.begin() as connection:
            work(connection)

    def run(self, scenario: str, *, racer: str = "broker_racer") -> list[list[str]]:
        """Return what every act of every broker led to."""
        told = run_processes(f"tests.races.{racer}", self.url, scenario)
        return [outcome for outcomes in told for outcome in outcomes]

    def holdings(self) -> dict[str, str]:
        query = select(*HOST_COLUMNS).where(tables.hosts.c.user_key.is_not(None))
        return {row.host_key: row.user_key for row in self.rows(query)}

    def replayed_history(self) -> dict[str, str]:
        """Return who holds which host by what history tells; possible at every step."""
        holdings: dict[str, str] = {}
        for row in self.rows(select(tables.history).order_by(tables.history.c.id)):
            if row.event == "ASSIGNED":
                assert row.host_id not in holdings, f"{row.host_id} was given away while held"
                holdings[row.host_id] = row.user_key
            else:
                assert holdings.pop(row.host_id) == row.user_key
        return holdings

    def rows(self, query: Any) -> list[Any]:
        with self._engine.connect() as connection:
            return list(connection.execute(query).all())

    def close(self) -> None:
        self._engine.dispose()


def reasons(outcomes: list[list[str]]) -> Counter[str]:
    return Counter(outcome[-1] for outcome in outcomes)


def judge_last_host(race: Race, outcomes: list[list[str]]) -> None:
    """All wanted the one host: one was told it, and history tells the same."""
    assert reasons(outcomes) == {"new": 1, "NO_FREE_HOST": COUNT - 1}
    assert len(race.replayed_history()) == 1


def judge_one_user(race: Race, outcomes: list[list[str]]) -> None:
    """One user came in everywhere: all were told one host, and it is the only one held."""
    assert reasons(outcomes) == {"new": 1, "held": COUNT - 1}
    assert len({host for _, host, _ in outcomes}) == 1
    judge_holdings(race)


def judge_holdings(race: Race, *, limit: int = 1) -> None:
    """Nobody holds more than the limit, and history tells who holds what."""
    holdings = race.holdings()
    assert max(Counter(holdings.values()).values(), default=0) <= limit
    assert race.replayed_history() == holdings
