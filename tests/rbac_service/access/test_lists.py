"""A list shows exactly what checks allow."""

from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st

from deskhold.names import contains
from rbac_service.access.lists import (
    accessible_scopes,
    effective_permissions,
    principal_access,
    principals_reached,
)
from rbac_service.access.rules import Question, decide
from rbac_service.roles.catalogue import ACTIONS as CATALOGUED
from tests.rbac_service.access.worlds import (
    A_ONE,
    FOREIGN,
    GROUPS,
    SCOPES,
    TIMES,
    USERS,
    A,
    World,
    assigned,
    member,
    questions,
    world,
    worlds,
)

READ = "deskhold.resources/hosts/read"
ALICE, BOB = "user:alice@x", "user:bob@x"
EVERYBODY = (*USERS, *GROUPS, FOREIGN)


def test_what_is_allowed_above_is_listed_with_all_that_lies_below() -> None:
    snapshot = world(assigned(ALICE, "RDS Reader", A))

    scopes = accessible_scopes(snapshot, Question((ALICE,), READ, "/"), 0)

    assert scopes == [A, A_ONE, f"{A_ONE}/diagnostics"]


def test_scopes_are_listed_only_at_and_below_the_one_asked_about() -> None:
    snapshot = world(assigned(ALICE, "RDS Reader", "/"))

    scopes = accessible_scopes(snapshot, Question((ALICE,), READ, A_ONE), 0)

    assert scopes == [A_ONE, f"{A_ONE}/diagnostics"]


def test_a_group_stands_beside_its_members() -> None:
    snapshot = world(
        member(BOB, "group:g1"),
        member("group:g1", "group:g2"),
        assigned("group:g2", "RDS Reader", "/"),
        assigned(ALICE, "RDS Operator", A),
    )

    found = [principal_access(snapshot, READ, A, 0, key) for key in principals_reached(snapshot, A)]

    assert [(one.principal_key, one.through_groups) for one in found if one] == [
        ("group:g1", ("group:g2",)),
        ("group:g2", ()),
        (BOB, ("group:g1", "group:g2")),
    ]


def test_the_matrix_names_the_assignments_that_give_its_actions() -> None:
    reader = assigned(ALICE, "RDS Reader", "/")
    snapshot = world(reader, assigned(ALICE, "RDS Owner", A, expire_us=5))

    row = effective_permissions(snapshot, A, 5, ALICE)

    assert row is not None
    assert row.role_assignments == (f"roleAssignments/{reader.row['id']}",)
    assert row.actions == tuple(one.name for one in CATALOGUED if one.name.endswith("/read"))


@given(worlds, questions, TIMES)
def test_the_scopes_listed_are_those_where_a_check_allows(
    made: World, question: Question, now_us: int
) -> None:
    snapshot = made.snapshot

    listed = accessible_scopes(snapshot, question, now_us)

    assert listed == sorted(
        scope
        for scope in SCOPES
        if contains(question.scope, scope)
        and decide(
            snapshot, Question(question.principal_keys, question.action, scope), now_us
        ).allowed
    )


@given(worlds, questions, TIMES)
def test_the_principals_listed_are_those_whom_a_check_allows(
    made: World, question: Question, now_us: int
) -> None:
    snapshot, action, scope = made.snapshot, question.action, question.scope

    rows = [
        principal_access(snapshot, action, scope, now_us, key)
        for key in principals_reached(snapshot, scope)
    ]

    checks = {key: decide(snapshot, Question((key,), action, scope), now_us) for key in EVERYBODY}
    assert {row.principal_key: row.role_assignment for row in rows if row} == {
        key: decision.role_assignment for key, decision in checks.items() if decision.allowed
    }


@given(worlds, st.sampled_from(SCOPES), TIMES)
def test_the_matrix_is_what_checks_of_the_whole_catalogue_allow(
    made: World, scope: str, now_us: int
) -> None:
    snapshot = made.snapshot

    rows = [
        effective_permissions(snapshot, scope, now_us, key)
        for key in principals_reached(snapshot, scope)
    ]

    checks = {
        key: tuple(
            one.name
            for one in CATALOGUED
            if decide(snapshot, Question((key,), one.name, scope), now_us).allowed
        )
        for key in EVERYBODY
    }
    assert {row.principal_key: row.actions for row in rows if row} == {
        key: actions for key, actions in checks.items() if actions
    }


@given(worlds, questions, TIMES)
def test_the_way_to_a_holder_is_made_of_memberships(
    made: World, question: Question, now_us: int
) -> None:
    snapshot = made.snapshot
    for key in principals_reached(snapshot, question.scope):
        row = principal_access(snapshot, question.action, question.scope, now_us, key)
        way = (key, *(row.through_groups if row else ()))
        for below, above in itertools.pairwise(way):
            assert above in (snapshot.groups_of.get(below) or ())
