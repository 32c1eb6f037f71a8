"""Connects among changes of all kinds, against a naive model; on each kind of database."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.broker_service.sessions.machine import Machine
from tests.broker_service.sessions.personal import Personal
from tests.broker_service.sessions.pooled import DepthFirst, Pooled
from tests.broker_service.stores import Store

pytestmark = pytest.mark.slow


@pytest.fixture
def runner(database_url: str) -> Iterator[tuple[asyncio.Runner, Store]]:
    """A store and the loop that it is used in: the machine's rules are no coroutines."""
    with asyncio.Runner() as loop:
        store = Store(database_url)
        yield loop, store
        loop.run(store.database.close())


# Personal collections have more verbs, and most of these want something to be there already.
@pytest.mark.parametrize(("kind", "examples"), [(Personal, 200), (Pooled, 60), (DepthFirst, 60)])
def test_whatever_happens_users_are_led_as_the_model_says(
    runner: tuple[asyncio.Runner, Store], kind: type[Machine], examples: int
) -> None:
    class OnStore(kind):  # type: ignore[misc, valid-type]
        loop, store = runner

    run_state_machine_as_test(
        OnStore,
        settings=settings(
            max_examples=examples,
            stateful_step_count=40,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
