"""Many brokers on one store: every rule holds, and whoever loses is told the right reason."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import Engine, create_engine, func, select

from broker_service import tables
from broker_service.collections import store
from broker_service.collections.rules import CollectionType, Draft
from broker_service.hosts.rules import NewHost
from broker_service.hosts.usecases import add_hosts
from deskhold.chassis.database import Connection
from tests.databases import Databases
from tests.races import BROKER_MIGRATIONS
from tests.races.broker_racer import ENG, TIMES
from tests.races.processes import COUNT, run_processes

HOST_COLUMNS = (tables.hosts.c.host_key, tables.hosts.c.user_key)


class Race:
    """A collection, and brokers let loose on it."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._engine: Engine = create_engine(url)

    def make(self, hosts: int, *, max_desktops_per_user: int = 1) -> None:
        def work(connection: Connection) -> None:
            made = store.insert_collection(
                connection,
                name=ENG,
                tenant=ENG.partition("/collections/")[0],
                uid=str(uuid.uuid4()),
                draft=Draft(
                    display_name="",
                    description="",
                    type=CollectionType.PERSONAL,
                    auto_assign_user=True,
                    grant_administrative_privilege=False,
                    max_desktops_per_user=max_desktops_per_user,
                ),
                app_group_ids=("desktop",),
                now_us=1,
            )
            add_hosts(connection, made, [NewHost(f"pc-{n + 1}") for n in range(hosts)], 1)

        with self._engine.begin() as connection:
            work(connection)

    def run(self, scenario: str) -> list[list[str]]:
        """Return what every act of every broker led to."""
        told = run_processes("tests.races.broker_racer", self.url, scenario)
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


@pytest.fixture
def race(databases: Databases) -> Iterator[Race]:
    made = Race(databases.new(BROKER_MIGRATIONS))
    yield made
    made.close()


def reasons(outcomes: list[list[str]]) -> Counter[str]:
    return Counter(outcome[-1] for outcome in outcomes)


def test_in_a_rush_every_user_gets_one_host_and_nobody_anothers(race: Race) -> None:
    users = COUNT * TIMES + 2
    race.make(users)

    outcomes = race.run("rush")

    host_of = {user: host for user, host, _ in outcomes}
    assert len(host_of) == len(set(host_of.values())) == users
    assert {user: host for user, host, _ in outcomes} == {u: h for u, h, _ in reversed(outcomes)}
    assert reasons(outcomes) == {"new": users, "held": 2 * (COUNT - 1)}
    assert len(set(race.holdings().values())) == users
    assert race.replayed_history() == race.holdings()


def test_where_hosts_run_out_all_of_them_are_given_and_the_rest_is_told(race: Race) -> None:
    users = COUNT * TIMES + 2
    race.make(users - 30)

    counted = reasons(race.run("rush"))

    assert counted["new"] == users - 30
    assert set(counted) <= {"new", "held", "NO_FREE_HOST"}
    assert counted.total() == users + 2 * (COUNT - 1)
    assert len(set(race.holdings().values())) == users - 30


def test_the_last_free_host_goes_to_one(race: Race) -> None:
    race.make(1)

    outcomes = race.run("last_host")

    assert reasons(outcomes) == {"new": 1, "NO_FREE_HOST": COUNT - 1}
    assert len(race.replayed_history()) == 1


def test_force_against_force_always_succeeds_and_the_limit_holds(race: Race) -> None:
    race.make(2)

    outcomes = race.run("force")

    assert reasons(outcomes) == {"set": COUNT * TIMES}
    holdings = race.holdings()
    assert len(holdings) == len(set(holdings.values()))
    assert race.replayed_history() == holdings


def test_a_host_is_assigned_or_removed_and_the_loser_is_told_which(race: Race) -> None:
    race.make(TIMES)

    counted = reasons(race.run("assign_or_remove_host"))

    assert set(counted) <= {"set", "host removed", "HOST_NOT_FOUND", "HOST_HELD"}
    assert counted["host removed"] == TIMES
    assert race.holdings() == race.replayed_history() == {}


@pytest.mark.parametrize("limit", [1, 2])
def test_whatever_brokers_do_at_once_the_rules_hold_and_history_tells_it(
    race: Race, limit: int
) -> None:
    race.make(12, max_desktops_per_user=limit)

    outcomes = race.run("everything")

    assert set(reasons(outcomes)) <= {
        *("new", "held", "set", "removed", "imported", "added", "host removed"),
        *("HOST_HELD", "HOST_NOT_FOUND", "USER_LIMIT_REACHED", "ASSIGNMENT_NOT_FOUND"),
        *("IMPORT_REJECTED", "NO_FREE_HOST"),
    }
    holdings = race.holdings()
    assert max(Counter(holdings.values()).values(), default=0) <= limit
    assert race.replayed_history() == holdings


def test_a_collection_deleted_in_full_use_leaves_nothing_behind(race: Race) -> None:
    race.make(12)

    outcomes = race.run("until_deleted")

    counted = reasons(outcomes)
    assert counted["deleted"] == 1
    assert counted["COLLECTION_NOT_FOUND"] > 0
    assert set(counted) <= {
        *("new", "held", "set", "removed", "imported", "added", "host removed", "deleted"),
        *("HOST_HELD", "HOST_NOT_FOUND", "USER_LIMIT_REACHED", "ASSIGNMENT_NOT_FOUND"),
        *("IMPORT_REJECTED", "NO_FREE_HOST", "COLLECTION_NOT_FOUND"),
    }
    for table in (tables.hosts, tables.collections, tables.app_groups):
        assert race.rows(select(func.count()).select_from(table))[0][0] == 0
    assert race.replayed_history() == {}


def test_a_new_name_is_taken_by_one(race: Race) -> None:
    race.make(0)

    assert reasons(race.run("create")) == {"claimed": 1, "NAME_IN_TRANSITION": COUNT - 1}
