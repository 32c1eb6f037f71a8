"""Why a question is answered as it is: tables that read like a specification, and properties."""

from __future__ import annotations

import pytest
from hypothesis import given

from rbac_service.access.explain import (
    MAX_GRANTS,
    MAX_NEAR_MISSES,
    NearMiss,
    Reason,
    explain,
)
from rbac_service.access.holds import group_path
from rbac_service.access.rules import Question, decide
from rbac_service.log.rules import Change, ChangeKind
from rbac_service.roles.patterns import BIND
from tests.rbac_service.access.worlds import (
    A_ONE,
    FOREIGN,
    TIMES,
    A,
    B,
    World,
    assigned,
    group,
    member,
    name_of,
    questions,
    world,
    worlds,
)

READ = "deskhold.resources/hosts/read"
DELETE = "deskhold.resources/hosts/delete"
ALICE = "user:alice@x"
NOW = 15


def reasons(*changes: Change, action: str = READ, at: str = A) -> list[Reason]:
    explanation = explain(world(*changes), Question((ALICE,), action, at), NOW)
    return [miss.reason for miss in explanation.near_misses]


@pytest.mark.parametrize(
    ("held", "at", "inherited", "through"),
    [
        ([assigned(ALICE, "RDS Reader", A)], A, False, ()),
        ([assigned(ALICE, "RDS Reader", "/")], A, True, ()),
        ([assigned(ALICE, "RDS Reader", A, expire_us=16)], A_ONE, True, ()),
        (
            [member(ALICE, "group:g1"), assigned("group:g1", "RDS Reader", A)],
            A,
            False,
            ("group:g1",),
        ),
        (
            [
                member(ALICE, "group:g1"),
                member("group:g1", "group:g2"),
                assigned("group:g2", "RDS Reader", "/"),
            ],
            A,
            True,
            ("group:g1", "group:g2"),
        ),
        ([assigned(FOREIGN, "RDS Reader", A)], A, False, (FOREIGN,)),
        (
            [member(FOREIGN, "group:g3"), assigned("group:g3", "RDS Reader", A)],
            A,
            False,
            (FOREIGN, "group:g3"),
        ),
    ],
)
def test_an_allowed_question_names_the_assignment_and_the_way_to_it(
    held: list[Change], at: str, inherited: bool, through: tuple[str, ...]
) -> None:
    question = Question((ALICE, FOREIGN), READ, at)

    (grant,) = explain(world(*held), question, NOW).grants

    assert grant.hold.name == name_of(held[-1])
    assert (grant.inherited, grant.through_groups) == (inherited, through)


def test_the_way_through_groups_is_the_shortest() -> None:
    snapshot = world(
        member(ALICE, "group:g1"),
        member("group:g1", "group:g2"),
        member("group:g2", "group:g3"),
        member("group:g1", "group:g3"),
    )

    assert group_path(snapshot, (ALICE,), "group:g3") == ("group:g1", "group:g3")


def test_a_group_that_the_principal_is_not_in_is_on_no_way() -> None:
    with pytest.raises(ValueError, match="not in"):
        group_path(world(), (ALICE,), "group:g1")


@pytest.mark.parametrize(
    ("held", "action", "expected"),
    [
        ([], READ, [Reason.NO_ROLE]),
        (
            [assigned(ALICE, "RDS Reader", A, start_us=16)],
            READ,
            [Reason.NOT_STARTED, Reason.NO_ROLE],
        ),
        ([assigned(ALICE, "RDS Reader", A, expire_us=15)], READ, [Reason.EXPIRED, Reason.NO_ROLE]),
        ([assigned(ALICE, "Careful", A)], DELETE, [Reason.EXCLUDED]),
        ([assigned(ALICE, "RDS Reader", B)], READ, [Reason.OTHER_SCOPE]),
        ([assigned(ALICE, "RDS Reader", A_ONE)], READ, [Reason.OTHER_SCOPE]),
        ([assigned("group:g1", "RDS Reader", "/")], READ, [Reason.NOT_IN_GROUP, Reason.NO_ROLE]),
        ([assigned(FOREIGN, "RDS Reader", A)], READ, [Reason.NOT_IN_GROUP, Reason.NO_ROLE]),
        ([assigned("group:g1", "RDS Reader", B)], READ, [Reason.NO_ROLE]),
        ([assigned(ALICE, "RDS Reader", A)], DELETE, [Reason.OTHER_ACTION]),
        ([assigned(ALICE, "RDS Owner", "/")], BIND, [Reason.UNKNOWN_ACTION]),
        # Neither the place nor the action would do.
        ([assigned(ALICE, "RDS Reader", B)], DELETE, []),
    ],
)
def test_a_denied_question_names_what_is_missing(
    held: list[Change], action: str, expected: list[Reason]
) -> None:
    assert reasons(*held, action=action) == expected


def test_the_nearest_miss_comes_first() -> None:
    found = reasons(
        assigned(ALICE, "RDS Reader", "/"),
        assigned("group:g1", "RDS Owner", A),
        assigned(ALICE, "RDS Owner", B),
        assigned(ALICE, "Careful", A),
        assigned(ALICE, "RDS Contributor", A, expire_us=3),
        assigned(ALICE, "RDS Owner", "/", start_us=90),
        action=DELETE,
    )

    assert found == [
        Reason.NOT_STARTED,
        Reason.EXPIRED,
        Reason.EXCLUDED,
        Reason.OTHER_SCOPE,
        Reason.NOT_IN_GROUP,
        Reason.OTHER_ACTION,
    ]


def test_of_other_scopes_the_nearest_comes_first() -> None:
    snapshot = world(assigned(ALICE, "RDS Reader", A_ONE), assigned(ALICE, "RDS Reader", B))

    misses = explain(snapshot, Question((ALICE,), READ, A), NOW).near_misses

    assert [miss.hold.scope for miss in misses if miss.hold] == [A_ONE, B]


def test_a_miss_says_in_a_sentence_what_is_missing() -> None:
    (miss,) = explain(
        world(assigned(ALICE, "RDS Reader", B)), Question((ALICE,), READ, A), NOW
    ).near_misses

    assert miss.message == f"RDS Reader allows {READ}, but it is held at {B}, not at {A}"


def test_an_ended_assignment_is_named_with_its_end() -> None:
    held = assigned(ALICE, "RDS Reader", A, expire_us=1_700_000_000_000_000)

    miss = explain(world(held), Question((ALICE,), READ, A), 1_800_000_000_000_000).near_misses[0]

    assert miss.message.endswith("but ended at 2023-11-14T22:13:20Z")


def test_groups_are_named_only_to_those_who_may_see_them() -> None:
    snapshot = world(group("group:g1"), assigned("group:g1", "RDS Reader", A))

    explanation = explain(snapshot, Question((ALICE,), READ, A), NOW, shows_groups=False)

    assert [miss.reason for miss in explanation.near_misses] == [Reason.NO_ROLE]


def test_grants_and_near_misses_are_bounded() -> None:
    many = [assigned(ALICE, "RDS Reader", A, id=f"{number}") for number in range(150)]
    elsewhere = [assigned(ALICE, "RDS Reader", f"{B}/tenants/t{number}") for number in range(50)]

    allowed = explain(world(*many), Question((ALICE,), READ, A), NOW)
    denied = explain(world(*elsewhere), Question((ALICE,), READ, A), NOW)

    assert len(allowed.grants) == MAX_GRANTS
    assert len(denied.near_misses) == MAX_NEAR_MISSES


@given(worlds, questions, TIMES)
def test_an_explanation_is_the_answer_of_a_check(
    made: World, question: Question, now_us: int
) -> None:
    snapshot = made.snapshot

    explanation = explain(snapshot, question, now_us)

    assert explanation.decision == decide(snapshot, question, now_us)
    assert bool(explanation.grants) == explanation.decision.allowed
    assert not (explanation.grants and explanation.near_misses)
    if explanation.grants:
        assert explanation.grants[0].hold.name == explanation.decision.role_assignment


@given(worlds, questions, TIMES)
def test_each_grant_alone_is_enough_and_without_all_of_them_nothing_is(
    made: World, question: Question, now_us: int
) -> None:
    grants = {grant.hold.name for grant in explain(made.snapshot, question, now_us).grants}
    giving = [one for one in made.assignments if name_of(one) in grants]
    others = tuple(one for one in made.assignments if name_of(one) not in grants)

    assert len(giving) == len(grants)
    for one in giving:
        assert decide(World((one,), made.members).snapshot, question, now_us).allowed
    assert not decide(World(others, made.members).snapshot, question, now_us).allowed


@given(worlds, questions, TIMES)
def test_what_a_near_miss_lacks_would_be_enough(
    made: World, question: Question, now_us: int
) -> None:
    snapshot = made.snapshot
    for miss in explain(snapshot, question, now_us).near_misses:
        mended = _mend(miss, question, now_us)
        if mended is not None:
            assert decide(snapshot, *mended).allowed, miss


def _mend(miss: NearMiss, question: Question, now_us: int) -> tuple[Question, int] | None:
    keys, action, hold = question.principal_keys, question.action, miss.hold
    if hold is None:
        return None
    match miss.reason:
        case Reason.OTHER_SCOPE:
            return Question(keys, action, hold.scope), now_us
        case Reason.NOT_IN_GROUP:
            return Question((*keys, hold.holder_key), action, question.scope), now_us
        case Reason.EXPIRED:
            return question, hold.expire_us - 1
        case Reason.NOT_STARTED:
            return question, hold.start_us
    return None


def test_an_assignment_whose_role_is_gone_explains_nothing() -> None:
    gone = Change(ChangeKind.REMOVE_ROLE_DEFINITION, {"id": "00000000-0000-0000-0000-00000000000a"})
    snapshot = world(assigned(ALICE, "Careful", A)).after(2, [gone])

    explanation = explain(snapshot, Question((ALICE,), READ, A), NOW)

    assert [miss.reason for miss in explanation.near_misses] == [Reason.NO_ROLE]
