from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rbac_service.access.rules import Decision, Question, decide
from rbac_service.access.snapshot import Snapshot
from rbac_service.log.rules import Change, ChangeKind
from rbac_service.roles.builtin import BUILT_IN_ROLES
from rbac_service.roles.rules import Catalogue, Permission, RoleDefinition
from tests.rbac_service.access.reference import EXPLICIT, Plain, Row, deciding, next_start
from tests.rbac_service.access.worlds import EMPTY, TIMES, WINDOWS, member

CATALOGUE = Catalogue(BUILT_IN_ROLES)
NOW = 15
DEPLOYMENT = "/"
CONTOSO = "/tenantGroups/contoso"
HR = f"{CONTOSO}/tenants/hr"
ENG = f"{CONTOSO}/tenants/eng"
PCS = f"{HR}/collections/pcs"
DESKTOP = f"{PCS}/appGroups/desktop"
HR_DIAGNOSTICS = f"{HR}/diagnostics"

READ = "deskhold.resources/hosts/read"
ADD = "deskhold.resources/hosts/write"
CONNECT = "deskhold.resources/appGroups/connect/action"
DIAGNOSE = "deskhold.diagnostics/read"


def added(row: Row) -> Change:
    return Change(ChangeKind.ADD_ROLE_ASSIGNMENT, vars(row))


def snapshot_of(plain: Plain) -> Snapshot:
    changes = [
        *map(added, plain.rows),
        *(member(one, group) for one, group in plain.members),
        *(Change(ChangeKind.ADD_ROLE_DEFINITION, role.row) for role in plain.roles),
    ]
    return EMPTY.after(9, changes)


def role_id(name: str) -> str:
    role = CATALOGUE.find(name)
    assert role is not None
    return role.id


def ask(held: list[tuple[str, str, str]], keys: tuple[str, ...], action: str, at: str) -> Decision:
    """Decide, where (principal, role, scope) are held; the assignments are called 0, 1, ..."""
    rows = [Row(key, scope, role_id(name), str(n)) for n, (key, name, scope) in enumerate(held)]
    return decide(snapshot_of(Plain(rows, (), ())), Question(keys, action, at), NOW)


# who holds what where | who asks, with their groups | what | where | allowed?
TABLE = [
    ([], ("user:a",), READ, DEPLOYMENT, False),
    ([("user:a", "RDS Owner", DEPLOYMENT)], ("user:a",), ADD, DESKTOP, True),
    ([("user:a", "RDS Owner", DEPLOYMENT)], ("user:b",), ADD, DESKTOP, False),
    # An assignment reaches down, never up or aside.
    ([("user:a", "RDS Owner", HR)], ("user:a",), ADD, HR, True),
    ([("user:a", "RDS Owner", HR)], ("user:a",), ADD, PCS, True),
    ([("user:a", "RDS Owner", HR)], ("user:a",), ADD, DESKTOP, True),
    ([("user:a", "RDS Owner", HR)], ("user:a",), ADD, CONTOSO, False),
    ([("user:a", "RDS Owner", HR)], ("user:a",), ADD, DEPLOYMENT, False),
    ([("user:a", "RDS Owner", HR)], ("user:a",), ADD, ENG, False),
    ([("user:a", "RDS Owner", "/tenantGroups/con")], ("user:a",), ADD, CONTOSO, False),
    ([("user:a", "RDS Owner", CONTOSO.upper())], ("user:a",), ADD, CONTOSO, False),
    # A scope need not be registered: what is inherited counts.
    ([("user:a", "RDS Reader", CONTOSO)], ("user:a",), READ, f"{CONTOSO}/tenants/new", True),
    # The role must allow it.
    ([("user:a", "RDS Reader", DEPLOYMENT)], ("user:a",), READ, PCS, True),
    ([("user:a", "RDS Reader", DEPLOYMENT)], ("user:a",), ADD, PCS, False),
    ([("user:a", "RDS User", DESKTOP)], ("user:a",), CONNECT, DESKTOP, True),
    ([("user:a", "RDS User", DESKTOP)], ("user:a",), READ, DESKTOP, False),
    ([("user:a", "RDS Operator", HR_DIAGNOSTICS)], ("user:a",), DIAGNOSE, HR_DIAGNOSTICS, True),
    ([("user:a", "RDS Operator", HR_DIAGNOSTICS)], ("user:a",), DIAGNOSE, HR, False),
    ([("user:a", "RDS Reader", HR)], ("user:a",), DIAGNOSE, HR_DIAGNOSTICS, True),
    # Everything is additive.
    ([("user:a", "RDS Reader", HR), ("user:a", "RDS Owner", HR)], ("user:a",), ADD, HR, True),
    ([("user:a", "RDS Owner", HR), ("user:a", "RDS Reader", PCS)], ("user:a",), ADD, PCS, True),
    # Groups count.
    ([("group:g", "RDS Owner", HR)], ("user:a", "group:f", "group:g"), ADD, HR, True),
    ([("group:g", "RDS Owner", HR)], ("user:a", "group:f"), ADD, HR, False),
    # Actions compare without case.
    ([("user:a", "RDS Reader", HR)], ("user:a",), READ.upper(), HR, True),
]


@pytest.mark.parametrize(("held", "keys", "action", "at", "is_allowed"), TABLE)
def test_the_rules_of_azure_rbac(
    held: list[tuple[str, str, str]],
    keys: tuple[str, ...],
    action: str,
    at: str,
    is_allowed: bool,
) -> None:
    assert ask(held, keys, action, at).allowed is is_allowed


def test_the_answer_names_the_assignment_that_decided_and_the_revision() -> None:
    decision = ask([("user:a", "RDS Reader", DEPLOYMENT)], ("user:a",), READ, HR)

    assert decision == Decision(True, "e", 9, "0", DEPLOYMENT, "user:a")
    assert decision.role_assignment == "roleAssignments/0"


def test_a_denial_names_no_assignment() -> None:
    decision = ask([("user:a", "RDS Reader", DEPLOYMENT)], ("user:a",), ADD, HR)

    assert decision == Decision(False, "e", 9)
    assert decision.role_assignment == ""


def test_of_several_that_allow_it_the_nearest_is_named() -> None:
    held = [
        ("user:a", "RDS Owner", DEPLOYMENT),
        ("user:a", "RDS Reader", CONTOSO),
        ("group:g", "RDS Reader", HR),
        ("group:g", "RDS User", PCS),
    ]

    decision = ask(held, ("user:a", "group:g"), READ, PCS)

    assert decision.role_assignment == "tenantGroups/contoso/tenants/hr/roleAssignments/2"


def test_an_assignment_of_a_role_that_is_not_in_force_allows_nothing() -> None:
    plain = Plain([Row("user:a", DEPLOYMENT, "gone", "0")], (), ())

    assert not decide(snapshot_of(plain), Question(("user:a",), READ, HR), NOW).allowed


@pytest.mark.parametrize(
    ("window", "now_us", "is_allowed", "until"),
    [
        ((None, None), 15, True, None),
        ((15, None), 14, False, 15),
        ((15, None), 15, True, None),
        ((None, 15), 14, True, 15),
        ((None, 15), 15, False, None),
        ((10, 20), 9, False, 10),
        ((10, 20), 19, True, 20),
        ((10, 20), 20, False, None),
    ],
)
def test_an_assignment_counts_from_its_start_until_just_before_its_end(
    window: tuple[int | None, int | None], now_us: int, is_allowed: bool, until: int | None
) -> None:
    plain = Plain([Row("user:a", HR, role_id("RDS Reader"), "0", *window)], (), ())

    decision = decide(snapshot_of(plain), Question(("user:a",), READ, HR), now_us)

    assert (decision.allowed, decision.valid_until_us) == (is_allowed, until)


def test_groups_in_groups_count_and_the_holder_is_named() -> None:
    rows = [Row("group:outer", HR, role_id("RDS Reader"), "0")]
    chain = [("user:a", "group:inner"), ("group:inner", "group:outer"), ("user:b", "group:other")]
    snapshot = snapshot_of(Plain(rows, chain, ()))

    assert decide(snapshot, Question(("user:a",), READ, HR), NOW).holder_key == "group:outer"
    assert not decide(snapshot, Question(("user:b",), READ, HR), NOW).allowed


@pytest.mark.parametrize("action", EXPLICIT)
def test_no_star_implies_handing_out_what_one_does_not_hold(action: str) -> None:
    assert not ask([("user:a", "RDS Owner", DEPLOYMENT)], ("user:a",), action, HR).allowed
    named = RoleDefinition("named", "Named", "", (Permission((action.upper(),)),))
    plain = Plain([Row("user:a", HR, "named", "0")], (), [named])

    assert decide(snapshot_of(plain), Question(("user:a",), action, HR), NOW).allowed


SCOPES = st.sampled_from(
    [DEPLOYMENT, "/diagnostics", CONTOSO, HR, HR_DIAGNOSTICS, ENG, PCS, DESKTOP, "/tenantGroups/c"]
)
USERS = st.sampled_from(["user:a", "user:b"])
GROUPS = st.sampled_from(["group:f", "group:g", "group:h", "group:i"])
ACTIONS = st.sampled_from(
    ["p/a/read", "p/a/write", "p/b/read", "q/a/read", "P/A/Read", EXPLICIT[0], EXPLICIT[1].upper()]
)
PATTERN = st.sampled_from(
    ["*", "*/read", "p/*", "p/a/*", "*a*", "q/a/read", "*/action", EXPLICIT[0].upper(), EXPLICIT[1]]
)
BLOCK = st.builds(
    Permission,
    st.lists(PATTERN, min_size=1, max_size=2).map(tuple),
    st.lists(PATTERN, max_size=2).map(tuple),
)
BLOCKS = st.lists(BLOCK, min_size=1, max_size=3).map(tuple)
KEYS = USERS | GROUPS


@st.composite
def policies(draw: st.DrawFn) -> Plain:
    """Draw roles, groups in groups, and assignments of them and of one that is not in force."""
    roles = [
        RoleDefinition(f"r-{n}", f"role {n}", "", blocks, assignable_scopes=("/",))
        for n, blocks in enumerate(draw(st.lists(BLOCKS, min_size=1, max_size=3)))
    ]
    ids = st.sampled_from([*(role.id for role in roles), "gone"])
    held = draw(st.lists(st.tuples(KEYS, SCOPES, ids), max_size=12, unique=True))
    rows = []
    for number, (key, scope, role) in enumerate(held):
        window = draw(st.sampled_from(WINDOWS))
        begins, ends = window.get("start_us"), window.get("expire_us")
        rows.append(Row(key, scope, role, str(number), begins, ends))
    # Cycles too, which the store refuses: they must not hang a decision.
    return Plain(rows, draw(st.lists(st.tuples(KEYS, GROUPS), max_size=8, unique=True)), roles)


@pytest.mark.slow
@settings(max_examples=1000)
@given(policies(), st.lists(KEYS, min_size=1, max_size=3), ACTIONS, SCOPES, TIMES)
def test_a_decision_is_the_one_of_the_plain_reference(
    plain: Plain, keys: list[str], action: str, scope: str, now_us: int
) -> None:
    matching = plain.matching(keys, action, scope)
    expected = {row.id: row for row in deciding(matching, now_us)}

    decision = decide(snapshot_of(plain), Question(tuple(keys), action, scope), now_us)

    assert decision.allowed is bool(expected)
    assert (decision.epoch, decision.revision) == ("e", 9)
    if decision.allowed:
        named = expected[decision.assignment_id]
        assert decision.assignment_scope == named.scope
        assert decision.holder_key == named.principal_key
        assert decision.valid_until_us == named.expire_us
    else:
        assert decision.valid_until_us == next_start(matching, now_us)
