"""Patterns and sets of them, against trying out every short text."""

from __future__ import annotations

from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rbac_service.roles.cover import missing
from rbac_service.roles.patterns import (
    BIND,
    ESCALATE,
    EXPLICIT_ONLY,
    covered_by_any,
    covers,
    matches,
    meet,
)
from rbac_service.roles.rules import Permission
from tests.rbac_service.access.reference import glob, is_match

READ_HOSTS = "deskhold.resources/hosts/read"
# One letter more than patterns have: what holds of it holds of all they do not name.
LETTERS = "abz"
TEXTS = ["".join(letters) for size in range(8) for letters in product(LETTERS, repeat=size)]
SHORT = [*(text for text in TEXTS if len(text) < 6), *sorted(EXPLICIT_ONLY)]
PATTERN = st.text("ab*", min_size=1, max_size=4)
MIXED = PATTERN | st.sampled_from(["*", BIND, ESCALATE.upper(), "deskhold.*", "*/action"])


@pytest.mark.parametrize(
    ("pattern", "action", "is_match"),
    [
        ("*", READ_HOSTS, True),
        ("*", "", True),
        ("**", READ_HOSTS, True),
        ("deskhold.resources/*", READ_HOSTS, True),
        ("deskhold.resources/*", "deskhold.resources/", True),
        ("deskhold.resources/*", "deskhold.resources", False),
        ("deskhold.resources/*", "deskhold.resourcesx/hosts/read", False),
        ("*/read", READ_HOSTS, True),
        ("*/read", "read", False),
        ("*/read", "deskhold.resources/hosts/readmore", False),
        ("*/hosts/*", READ_HOSTS, True),
        ("*/hosts/*", "deskhold.resources/hosts", False),
        ("deskhold.*/hosts/*", READ_HOSTS, True),
        ("deskhold.resources/h*s/re*d", READ_HOSTS, True),
        ("deskhold.resources/h*s/re*d", "deskhold.resources/hats/red", True),
        ("DESKHOLD.Resources/HOSTS/read", READ_HOSTS, True),
        (READ_HOSTS, READ_HOSTS, True),
        (READ_HOSTS, "deskhold.resources/hosts/write", False),
        ("", READ_HOSTS, False),
        ("", "", True),
        ("ab*ba", "aba", False),
        ("ab*ba", "abba", True),
        ("a*b*c", "a-c-b", False),
        ("*ab*ab*", "xabx", False),
    ],
)
def test_a_star_stands_for_any_run_of_characters(pattern: str, action: str, is_match: bool) -> None:
    assert matches(pattern, action) is is_match


@given(st.text("aB/*", max_size=12), st.text("ab/", max_size=16))
def test_patterns_match_as_the_plain_reference_says(pattern: str, action: str) -> None:
    assert matches(pattern, action) == glob(pattern.lower(), action)


@given(st.lists(st.text("ab/", max_size=6), min_size=1, max_size=6), st.data())
def test_a_pattern_matches_whatever_its_stars_are_replaced_by(
    pieces: list[str], data: st.DataObject
) -> None:
    filled = pieces[0]
    for piece in pieces[1:]:
        filled += data.draw(st.text("ab/", max_size=5)) + piece

    assert matches("*".join(pieces), filled)


def test_a_hostile_pattern_is_answered_at_once() -> None:
    assert not matches("*a" * 1000 + "b", "a" * 5000)


@pytest.mark.parametrize("action", sorted(EXPLICIT_ONLY))
def test_what_must_be_named_is_matched_by_its_name_alone(action: str) -> None:
    assert matches(action.upper(), action)
    assert not any(matches(one, action) for one in ("*", "*/action", action[:-1] + "*"))


@settings(max_examples=300)
@given(PATTERN, PATTERN)
def test_one_pattern_covers_another_when_all_that_it_matches_is_matched(
    outer: str, inner: str
) -> None:
    assert covers(outer, inner) == all(glob(outer, one) for one in TEXTS if glob(inner, one))


@settings(max_examples=300)
@given(PATTERN, PATTERN)
def test_two_patterns_meet_when_both_match_something(one: str, other: str) -> None:
    together = any(glob(one, text) and glob(other, text) for text in TEXTS)

    assert meet(one, other) == meet(other, one) == together


@settings(max_examples=200)
@given(PATTERN, st.lists(PATTERN, max_size=3))
def test_several_patterns_cover_one_together_only_if_one_does(
    inner: str, outers: list[str]
) -> None:
    together = all(any(glob(one, text) for one in outers) for text in TEXTS if glob(inner, text))

    assert covered_by_any(inner, outers) == together


def test_what_must_be_named_is_covered_by_its_name_alone() -> None:
    assert covers(BIND.upper(), BIND)
    assert not covers("*", BIND)
    assert not meet("*", BIND)
    assert meet(BIND, BIND.upper())
    assert covers("*", "*")


def allowed(blocks: list[Permission], action: str) -> bool:
    return any(
        any(is_match(one, action) for one in block.actions)
        and not any(is_match(one, action) for one in block.not_actions)
        for block in blocks
    )


BLOCKS = st.lists(
    st.builds(
        Permission,
        st.lists(MIXED, min_size=1, max_size=2).map(tuple),
        st.lists(MIXED, max_size=2).map(tuple),
    ),
    max_size=3,
)


@settings(max_examples=1000)
@given(BLOCKS, BLOCKS)
def test_what_is_said_to_be_covered_is_held(
    held: list[Permission], wanted: list[Permission]
) -> None:
    if missing(held, wanted):
        return
    assert [one for one in SHORT if allowed(wanted, one) and not allowed(held, one)] == []


@given(BLOCKS)
def test_what_one_holds_one_may_hand_out(held: list[Permission]) -> None:
    assert missing(held, held) == [] or any(block.not_actions for block in held)


@pytest.mark.parametrize(
    ("held", "wanted", "lacking"),
    [
        ([Permission(("a/*",))], [Permission(("a/b",))], []),
        ([Permission(("a/b",))], [Permission(("a/*",))], ["a/*"]),
        ([Permission(("*",), ("*/delete",))], [Permission(("*",))], ["*"]),
        ([Permission(("*",), ("*/delete",))], [Permission(("*",), ("*/delete",))], []),
        ([Permission(("*",), ("a/*",)), Permission(("a/*",))], [Permission(("*",))], []),
        ([Permission(("*",))], [Permission(("a", BIND))], [BIND]),
        ([], [Permission(("a",), ("*",))], []),
        ([], [], []),
    ],
)
def test_what_is_lacking_is_named(
    held: list[Permission], wanted: list[Permission], lacking: list[str]
) -> None:
    assert missing(held, wanted) == lacking
