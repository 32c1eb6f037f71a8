"""What the races are worth: with a guard taken away the same race is lost, and it is noticed."""

from __future__ import annotations

import pytest
from alembic.migration import MigrationContext
from alembic.operations import Operations
from sqlalchemy import create_engine

from tests.races.processes import COUNT
from tests.races.race import (
    Race,
    judge_holdings,
    judge_last_host,
    judge_one_user,
    reasons,
)

pytestmark = pytest.mark.slow


def drop_the_constraint(url: str) -> None:
    """Let a user take a slot of a collection more than once."""
    engine = create_engine(url)
    with engine.begin() as connection:
        operations = Operations(MigrationContext.configure(connection))
        operations.drop_index("one_host_per_user_and_slot", "hosts")
    engine.dispose()


def test_without_locks_the_last_host_is_told_to_everybody(race: Race) -> None:
    race.make(1)

    outcomes = race.run("last_host", racer="unguarded_racer")

    assert reasons(outcomes) == {"new": COUNT}
    with pytest.raises(AssertionError):
        judge_last_host(race, outcomes)
    with pytest.raises(AssertionError, match="was given away while held"):
        race.replayed_history()


def test_without_locks_the_constraint_still_keeps_a_user_to_one_host(race: Race) -> None:
    race.make(COUNT)

    race.run("one_user", racer="unguarded_racer")

    assert list(race.holdings().values()) == ["alice@contoso.com"]


def test_without_locks_and_constraint_a_user_gets_several_hosts(race: Race) -> None:
    race.make(50 * COUNT)
    drop_the_constraint(race.url)

    outcomes = race.run("one_user", racer="unguarded_racer")

    assert reasons(outcomes) == {"new": COUNT}
    assert len(race.holdings()) > 1
    with pytest.raises(AssertionError):
        judge_one_user(race, outcomes)
    with pytest.raises(AssertionError):
        judge_holdings(race)
