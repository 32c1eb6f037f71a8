"""The judge against the plain reference, and everything else against the judge, in many worlds.

Each run draws other worlds; what fails names the seed of its world, which makes it again. `make
worlds` runs a hundred thousand.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable

import pytest

from deskhold.chassis.paging import Page
from deskhold.names import contains
from rbac_service.access.explain import explain
from rbac_service.access.lists import accessible_scopes, principal_access, principals_reached
from rbac_service.access.policy import FULL, Freshness, Policy
from rbac_service.access.queries import Queries
from rbac_service.access.rules import Question, decide
from rbac_service.access.snapshot import Snapshot
from rbac_service.access.usecases import Access
from tests.rbac_service.access.drawn import KEYS, PLACES, Drawn, draw
from tests.rbac_service.access.reference import deciding, next_start

WORLDS = int(os.environ.get("DESKHOLD_TEST_WORLDS", "5000"))
CHUNK = 1000
EVERYTHING = Page(1000, None)


class Known(Policy):
    """A policy that is what it is."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._known = snapshot

    async def current(self, freshness: Freshness = FULL) -> Snapshot:
        return self._known

    async def at(self, revision: int, epoch: str | None = None) -> Snapshot:
        return self._known


def is_as_the_reference_decides(made: Drawn, snapshot: Snapshot) -> None:
    for one in made.questions:
        matching = made.plain.matching(one.principal_keys, one.action, one.scope)
        expected = {row.id: row for row in deciding(matching, made.now_us)}

        decision = decide(snapshot, one, made.now_us)

        assert decision.allowed is bool(expected), one
        assert decision.revision == len(made.revisions)
        if decision.allowed:
            named = expected[decision.assignment_id]
            assert decision.assignment_scope == named.scope
            assert decision.holder_key == named.principal_key
            assert decision.valid_until_us == named.expire_us
        else:
            assert decision.valid_until_us == next_start(matching, made.now_us)


def is_the_same_however_it_came_to_be(made: Drawn, snapshot: Snapshot) -> None:
    assert snapshot == made.caught_up()
    assert snapshot == made.anew()


async def is_the_same_in_a_batch(made: Drawn, snapshot: Snapshot) -> None:
    access = Access(Known(snapshot), lambda: made.now_us)
    singles = [decide(snapshot, one, made.now_us) for one in made.questions]
    denied = next((n for n, one in enumerate(singles) if not one.allowed), len(singles))

    assert await access.decide(made.questions) == singles
    stopped = await access.decide(made.questions, stop_at_first_deny=True)
    assert stopped == singles[: denied + 1]


def is_explained_as_it_is_decided(made: Drawn, snapshot: Snapshot) -> None:
    for one in made.questions:
        explanation = explain(snapshot, one, made.now_us)

        assert explanation.decision == decide(snapshot, one, made.now_us)
        assert bool(explanation.grants) is explanation.decision.allowed
        if explanation.grants:
            assert explanation.grants[0].hold.name == explanation.decision.role_assignment
            assert not explanation.near_misses


def is_listed_as_it_is_decided(made: Drawn, snapshot: Snapshot) -> None:
    now_us = made.now_us
    for one in made.questions[:2]:
        keys, action = one.principal_keys, one.action

        scopes = accessible_scopes(snapshot, one, now_us)
        rows = [
            principal_access(snapshot, action, one.scope, now_us, key)
            for key in principals_reached(snapshot, one.scope)
        ]

        assert scopes == sorted(
            place
            for place in PLACES
            if contains(one.scope, place)
            and decide(snapshot, Question(keys, action, place), now_us).allowed
        )
        checks = {
            key: decide(snapshot, Question((key,), action, one.scope), now_us) for key in KEYS
        }
        assert {row.principal_key: row.role_assignment for row in rows if row} == {
            key: decision.role_assignment for key, decision in checks.items() if decision.allowed
        }


async def is_the_same_page_by_page(made: Drawn, snapshot: Snapshot) -> None:
    queries = Queries(Known(snapshot), lambda: made.now_us)
    everywhere = Question(made.questions[0].principal_keys, made.questions[0].action, "/")
    whole = await queries.list_scopes(everywhere, EVERYTHING)
    seen: list[str] = []
    after: str | None = None
    while True:
        listing = await queries.list_scopes(everywhere, Page(made.page_size, after))
        shown = listing.rows[: made.page_size]
        seen += [one.row for one in shown]
        if len(listing.rows) <= made.page_size:
            break
        after = shown[-1].cursor

    assert seen == [one.row for one in whole.rows]


PURE: tuple[Callable[[Drawn, Snapshot], None], ...] = (
    is_as_the_reference_decides,
    is_the_same_however_it_came_to_be,
    is_explained_as_it_is_decided,
    is_listed_as_it_is_decided,
)


async def judge(seed: str) -> None:
    made = draw(seed)
    snapshot = made.followed()
    for holds in PURE:
        holds(made, snapshot)
    await is_the_same_in_a_batch(made, snapshot)
    await is_the_same_page_by_page(made, snapshot)


@pytest.mark.parametrize("chunk", range(-(-WORLDS // CHUNK)))
async def test_in_every_world_each_way_to_ask_gets_the_answer_of_the_reference(chunk: int) -> None:
    run = os.environ.get("DESKHOLD_TEST_SEED") or secrets.token_hex(4)
    for number in range(chunk * CHUNK, min(WORLDS, (chunk + 1) * CHUNK)):
        seed = f"{run}-{number}"
        try:
            await judge(seed)
        except BaseException as error:
            error.add_note(f"in the world draw({seed!r})")
            raise


def test_worlds_hold_what_is_to_be_compared() -> None:
    worlds = [draw(f"fixed-{number}") for number in range(200)]
    decisions = [
        decide(snapshot, one, made.now_us)
        for made in worlds
        for snapshot in (made.followed(),)
        for one in made.questions
    ]

    assert 0.2 < sum(one.allowed for one in decisions) / len(decisions) < 0.8
    assert any(one.valid_until_us for one in decisions if one.allowed)
    assert any(one.valid_until_us for one in decisions if not one.allowed)
    assert any(one.holder_key.startswith("group:") for one in decisions)
    removed = [
        change.kind.name
        for made in worlds
        for changes in made.revisions
        for change in changes
        if change.kind.name.startswith("REMOVE")
    ]
    assert len(set(removed)) == 3
