"""A what-if answers what checks answer once the changes are really made."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deskhold.errors import DeskholdError
from rbac_service.access.rules import Question, decide
from rbac_service.access.whatif import Assign, Hypothesis, Join, Leave, Unassign, suppose
from rbac_service.log.rules import Change
from tests.rbac_service.access.worlds import (
    ACTIONS,
    FOREIGN,
    GROUPS,
    ROLES,
    SCOPES,
    TIMES,
    USERS,
    A,
    B,
    World,
    assigned,
    group,
    member,
    name_of,
    world,
    worlds,
)

READ = "deskhold.resources/hosts/read"
ALICE = "user:alice@x"


def is_allowed(made: World, changes: list[Hypothesis], at: str = A) -> bool:
    supposed = suppose(made.snapshot, changes)
    return decide(supposed, Question((ALICE,), READ, at), 15).allowed


def test_an_assignment_that_is_not_made_counts_at_its_scope_alone() -> None:
    change = Assign(A, ALICE, "rds reader")

    assert is_allowed(World((), ()), [change])
    assert not is_allowed(World((), ()), [change], at=B)


def test_each_change_is_made_on_what_the_one_before_left() -> None:
    made = World((assigned("group:g1", "RDS Reader", A),), ())

    assert is_allowed(made, [Join("g1", "group:g2"), Join("g2", ALICE)])
    assert not is_allowed(made, [Join("g1", ALICE), Leave("g1", ALICE)])


@pytest.mark.parametrize("window", [{}, {"start_us": 0}, {"start_us": 0, "expire_us": 99}])
def test_an_assignment_taken_away_counts_no_longer(window: dict[str, int]) -> None:
    held = assigned(ALICE, "RDS Reader", A, **window)

    assert is_allowed(World((held,), ()), [])
    assert not is_allowed(World((held,), ()), [Unassign(name_of(held))])


def test_supposing_changes_nothing() -> None:
    snapshot = World((), ()).snapshot

    suppose(snapshot, [Assign(A, ALICE, "RDS Reader")])

    assert snapshot == World((), ()).snapshot


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (Assign("/tenantGroups/nowhere", ALICE, "RDS Reader"), "SCOPE_NOT_FOUND"),
        (Assign(A, ALICE, "RDS Raeder"), "ROLE_DEFINITION_NOT_FOUND"),
        (Assign(B, ALICE, "Local"), "ROLE_NOT_ASSIGNABLE"),
        (Unassign("roleAssignments/nothing"), "ROLE_ASSIGNMENT_NOT_FOUND"),
        (Join("nobodies", ALICE), "GROUP_NOT_FOUND"),
        (Join("g1", "group:g1"), "GROUP_CYCLE"),
        (Leave("nobodies", ALICE), "GROUP_NOT_FOUND"),
        (Leave("g1", ALICE), "MEMBER_NOT_FOUND"),
    ],
)
def test_what_could_not_be_done_cannot_be_supposed(change: Hypothesis, reason: str) -> None:
    with pytest.raises(DeskholdError) as raised:
        suppose(World((), ()).snapshot, [change])

    assert raised.value.reason == reason


def test_an_assignment_is_found_only_under_its_own_scope() -> None:
    held = assigned(ALICE, "RDS Reader", A)
    name = f"{B}/roleAssignments/{held.row['id']}".lstrip("/")

    with pytest.raises(DeskholdError, match="no role assignment"):
        suppose(World((held,), ()).snapshot, [Unassign(name)])


@given(
    worlds,
    st.sampled_from(USERS),
    st.sampled_from(ROLES),
    st.sampled_from(SCOPES),
    st.sampled_from(GROUPS),
    TIMES,
    st.data(),
)
def test_what_is_supposed_is_what_a_store_with_these_rows_answers(
    made: World, user: str, role: str, scope: str, joined: str, now_us: int, data: st.DataObject
) -> None:
    gone = data.draw(st.none() | st.sampled_from(made.assignments or (None,)))
    left = data.draw(st.none() | st.sampled_from(made.members or (None,)))
    changes: list[Hypothesis] = [
        Join(joined.removeprefix("group:"), user),
        *([Unassign(name_of(gone))] if gone else []),
        *([_leave(left)] if left else []),
        Assign(scope, user, role),
    ]
    rows = (
        *(change for change in made.assignments if change is not gone),
        assigned(user, role, scope, id="another"),
    )
    members = [
        change for change in (*made.members, member(user, joined)) if not _same(change, left)
    ]

    supposed = suppose(made.snapshot, changes)
    real = world(*map(group, GROUPS), *members, *rows)

    for key in (*USERS, *GROUPS, FOREIGN):
        for action in ACTIONS:
            for place in SCOPES:
                question = Question((key,), action, place)
                assert (
                    decide(supposed, question, now_us).allowed
                    == decide(real, question, now_us).allowed
                )


def _leave(change: Change) -> Leave:
    return Leave(change.row["group_key"].removeprefix("group:"), change.row["member_key"])


def _same(change: Change, other: Change | None) -> bool:
    return other is not None and dict(change.row) == dict(other.row)
