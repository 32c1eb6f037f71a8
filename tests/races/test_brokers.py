"""Many brokers on one store: every rule holds, and whoever loses is told the right reason."""

from __future__ import annotations

import asyncio

import pytest
from sqlalchemy import func, select

from broker_service import tables
from tests.races.broker_racer import TIMES, Broker
from tests.races.processes import COUNT
from tests.races.race import Race, judge_holdings, judge_last_host, judge_one_user, reasons

pytestmark = pytest.mark.slow


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

    judge_last_host(race, race.run("last_host"))


def test_a_user_who_comes_in_everywhere_at_once_gets_one_host(race: Race) -> None:
    race.make(COUNT)

    judge_one_user(race, race.run("one_user"))


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


def assign_all(race: Race) -> None:
    """Give every host to a user of its own."""
    race.make(TIMES)
    rows = "".join(f"pc-{turn + 1},user{turn + 1}@contoso.com\n" for turn in range(TIMES))
    asyncio.run(imported(race, rows))


async def imported(race: Race, rows: str) -> None:
    broker = Broker(race.url, 0)
    await broker.import_file(rows)
    await broker.database.close()


def test_users_are_swapped_or_lose_their_hosts_and_nobody_gets_two(race: Race) -> None:
    assign_all(race)

    counted = reasons(race.run("swap_or_remove"))

    assert set(counted) <= {"swapped", "moved", "removed", "ASSIGNMENT_NOT_FOUND", "HOST_HELD"}
    # Whoever is moved onto a host that was left can be removed there again.
    assert counted["removed"] + len(race.holdings()) == TIMES
    judge_holdings(race)


def test_swaps_of_the_same_users_all_succeed_and_lose_nobody(race: Race) -> None:
    assign_all(race)

    counted = reasons(race.run("swap"))

    assert counted == {"swapped": COUNT * TIMES}
    assert len(set(race.holdings().values())) == TIMES
    judge_holdings(race)


def test_a_host_is_reserved_or_claimed_and_what_is_reserved_stays_so(race: Race) -> None:
    race.make(TIMES)

    outcomes = race.run("reserve_or_claim")

    counted = reasons(outcomes)
    assert set(counted) <= {"reserved", "new", "HOST_RESERVED", "HOST_HELD", "NO_FREE_HOST"}
    kept = select(tables.hosts.c.host_id, tables.hosts.c.reserved_user_key)
    reserved = dict(race.rows(kept.where(tables.hosts.c.reserved_user_key.is_not(None))))
    told = (outcome for outcome in outcomes if outcome[-1] == "reserved")
    assert reserved == {host: user for user, host, _ in told}
    assert reserved.keys().isdisjoint(race.holdings())
    assert len(reserved) + len(race.holdings()) == TIMES
    judge_holdings(race)


@pytest.mark.parametrize("limit", [1, 2])
def test_whatever_brokers_do_at_once_the_rules_hold_and_history_tells_it(
    race: Race, limit: int
) -> None:
    race.make(12, max_desktops_per_user=limit)

    outcomes = race.run("everything")

    assert set(reasons(outcomes)) <= {
        *("new", "held", "set", "removed", "imported", "added", "host removed", "swapped", "moved"),
        *("HOST_HELD", "HOST_NOT_FOUND", "USER_LIMIT_REACHED", "ASSIGNMENT_NOT_FOUND"),
        *("IMPORT_REJECTED", "NO_FREE_HOST", "FIELD_VIOLATION", "ETAG_MISMATCH"),
    }
    judge_holdings(race, limit=limit)


def test_a_collection_deleted_in_full_use_leaves_nothing_behind(race: Race) -> None:
    race.make(12)

    outcomes = race.run("until_deleted")

    counted = reasons(outcomes)
    assert counted["deleted"] == 1
    assert counted["COLLECTION_NOT_FOUND"] > 0
    assert set(counted) <= {
        *("new", "held", "set", "removed", "imported", "added", "host removed", "deleted"),
        *("swapped", "moved"),
        *("HOST_HELD", "HOST_NOT_FOUND", "USER_LIMIT_REACHED", "ASSIGNMENT_NOT_FOUND"),
        *("IMPORT_REJECTED", "NO_FREE_HOST", "FIELD_VIOLATION", "COLLECTION_NOT_FOUND"),
        "ETAG_MISMATCH",
    }
    for table in (tables.hosts, tables.collections, tables.app_groups):
        assert race.rows(select(func.count()).select_from(table))[0][0] == 0
    assert race.replayed_history() == {}


def test_a_new_name_is_taken_by_one(race: Race) -> None:
    race.make(0)

    assert reasons(race.run("create")) == {"claimed": 1, "NAME_IN_TRANSITION": COUNT - 1}
