"""What is legal but probably not meant."""

from __future__ import annotations

import pytest

from rbac_service.log.rules import Change, ChangeKind
from rbac_service.roles import lint as linting
from rbac_service.roles.lint import LintKind, lint
from rbac_service.roles.rules import Permission, RoleDefinition
from tests.rbac_service.access.worlds import (
    A_ONE,
    CAREFUL,
    FOREIGN,
    LOCAL,
    A,
    B,
    assigned,
    group,
    member,
    name_of,
    world,
)

ALICE = "user:alice@x"
NOW = 15
# Held so that custom roles of the test world are not findings themselves.
HELD = (assigned("user:x@x", "Careful", B), assigned("user:y@x", "Local", A))


def found(*changes: Change) -> list[tuple[LintKind, str]]:
    return [(one.kind, one.subject) for one in lint(world(*HELD, *changes), NOW)]


def test_a_policy_that_says_what_it_means_has_no_findings() -> None:
    assert found(assigned(ALICE, "RDS Reader", A), assigned(ALICE, "RDS Operator", A_ONE)) == [
        # A reader sees diagnostics too.
        (LintKind.REDUNDANT, name_of(assigned(ALICE, "RDS Operator", A_ONE)))
    ]
    assert found(assigned(ALICE, "RDS Reader", A), assigned(ALICE, "RDS Contributor", B)) == []


@pytest.mark.parametrize("at", ["/", A, A_ONE])
@pytest.mark.parametrize("holder", [ALICE, "group:g1"])
def test_not_actions_that_another_role_gives_back_are_found(holder: str, at: str) -> None:
    careful = assigned(ALICE, "Careful", A)

    findings = found(
        group("group:g1"), member(ALICE, "group:g1"), careful, assigned(holder, "RDS Owner", at)
    )

    assert (LintKind.NOT_ACTIONS_ANNULLED, name_of(careful)) in findings


@pytest.mark.parametrize(("role", "at"), [("RDS Owner", B), ("RDS Reader", A)])
def test_not_actions_that_nothing_gives_back_are_not(role: str, at: str) -> None:
    assert found(assigned(ALICE, "Careful", A), assigned(ALICE, role, at)) == []


def test_an_assignment_of_a_group_that_is_not_here_is_an_orphan() -> None:
    held = assigned("group:gone", "RDS Reader", A)

    assert found(held) == [(LintKind.ORPHANED, name_of(held))]


def test_groups_here_and_of_other_directories_are_no_orphans() -> None:
    held = assigned("group:g1", "RDS Reader", A), assigned(FOREIGN, "RDS Reader", A)

    assert found(group("group:g1"), *held) == []


def test_an_assignment_of_a_role_that_is_gone_is_an_orphan() -> None:
    held = assigned(ALICE, "00000000-0000-0000-0000-0000000000ff", A)

    assert found(held) == [(LintKind.ORPHANED, name_of(held))]


def test_a_custom_role_that_nobody_holds_is_found() -> None:
    assert [(one.kind, one.subject) for one in lint(world(), NOW)] == [
        (LintKind.UNREACHABLE_ROLE, CAREFUL.name),
        (LintKind.UNREACHABLE_ROLE, LOCAL.name),
    ]


@pytest.mark.parametrize(("expire_us", "is_found"), [(15, True), (16, False)])
def test_an_assignment_that_has_ended_is_found(expire_us: int, is_found: bool) -> None:
    held = assigned(ALICE, "RDS Reader", A, expire_us=expire_us)

    assert found(held) == ([(LintKind.EXPIRED, name_of(held))] if is_found else [])


@pytest.mark.parametrize(
    ("above", "below", "is_found"),
    [
        (("RDS Reader", "/", {}), ("RDS Reader", A, {}), True),
        (("RDS Owner", A, {}), ("RDS Contributor", A_ONE, {}), True),
        (("RDS Reader", "/", {}), ("RDS Reader", A, {"expire_us": 20}), True),
        (("RDS Reader", "/", {"expire_us": 20}), ("RDS Reader", A, {}), False),
        (("RDS Reader", "/", {"expire_us": 20}), ("RDS Reader", A, {"expire_us": 20}), True),
        (("RDS Reader", "/", {"start_us": 18}), ("RDS Reader", A, {"start_us": 17}), False),
        (("RDS Reader", "/", {}), ("RDS Contributor", A, {}), False),
        (("RDS Reader", B, {}), ("RDS Reader", A, {}), False),
        (("RDS Owner", A, {}), ("RDS Reader", A, {}), False),
    ],
)
def test_an_assignment_that_one_above_makes_superfluous_is_found(
    above: tuple[str, str, dict[str, int]], below: tuple[str, str, dict[str, int]], is_found: bool
) -> None:
    wider, narrower = (assigned(ALICE, role, at, **window) for role, at, window in (above, below))

    assert found(wider, narrower) == ([(LintKind.REDUNDANT, name_of(narrower))] if is_found else [])


def test_what_is_left_out_in_vain_is_not_given_back() -> None:
    vain = RoleDefinition(
        "00000000-0000-0000-0000-00000000000c",
        "Vain",
        "Leaves out what it never allowed.",
        (Permission(("deskhold.diagnostics/*",), ("deskhold.resources/*",)),),
        assignable_scopes=("/",),
    )
    added = Change(ChangeKind.ADD_ROLE_DEFINITION, vain.row)

    assert found(added, assigned(ALICE, vain.id, A), assigned(ALICE, "RDS Owner", A)) == []


def test_findings_beyond_the_bound_are_counted_not_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(linting, "MAX_FINDINGS_OF_A_KIND", 2)
    ended = [assigned(f"user:u{n}@x", "RDS Reader", A, expire_us=1) for n in range(5)]

    findings = lint(world(*HELD, *ended), NOW)

    assert len(findings) == 3
    assert findings[-1].kind is LintKind.EXPIRED
    assert (findings[-1].subject, findings[-1].message[:10]) == ("", "and 3 more")
