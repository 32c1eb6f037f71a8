from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rbac_service.access.rules import Decision, decide
from rbac_service.access.snapshot import Snapshot
from rbac_service.roles.builtin import BUILT_IN_ROLES
from rbac_service.roles.rules import Catalogue, Permission, RoleDefinition
from tests.rbac_service.access.reference import Row, deciding

CATALOGUE = Catalogue(BUILT_IN_ROLES)
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


def snapshot_of(rows: list[Row], revision: int = 9) -> Snapshot:
    return Snapshot.build(
        "epoch", revision, ((row.principal_key, row.scope, row.role_id, row.id) for row in rows)
    )


def role_id(name: str) -> str:
    role = CATALOGUE.find(name)
    assert role is not None
    return role.id


def ask(held: list[tuple[str, str, str]], keys: tuple[str, ...], action: str, at: str) -> Decision:
    """Decide, where (principal, role, scope) are held; the assignments are called 0, 1, ..."""
    rows = [Row(key, scope, role_id(name), str(n)) for n, (key, name, scope) in enumerate(held)]
    return decide(snapshot_of(rows), CATALOGUE, principal_keys=keys, action=action, scope=at)


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

    assert decision == Decision(True, 9, "0", DEPLOYMENT)
    assert decision.role_assignment == "roleAssignments/0"


def test_a_denial_names_no_assignment() -> None:
    decision = ask([("user:a", "RDS Reader", DEPLOYMENT)], ("user:a",), ADD, HR)

    assert decision == Decision(False, 9)
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
    rows = [Row("user:a", DEPLOYMENT, "gone", "0")]

    assert not decide(
        snapshot_of(rows), CATALOGUE, principal_keys=("user:a",), action=READ, scope=HR
    ).allowed


SCOPES = st.sampled_from(
    [DEPLOYMENT, "/diagnostics", CONTOSO, HR, HR_DIAGNOSTICS, ENG, PCS, DESKTOP, "/tenantGroups/c"]
)
KEYS = st.sampled_from(["user:a", "user:b", "group:g", "group:h"])
ACTIONS = st.sampled_from(["p/a/read", "p/a/write", "p/b/read", "q/a/read", "P/A/Read"])
PATTERN = st.sampled_from(["*", "*/read", "p/*", "p/a/*", "*a*", "q/a/read"])
BLOCK = st.builds(
    Permission,
    st.lists(PATTERN, min_size=1, max_size=2).map(tuple),
    st.lists(PATTERN, max_size=1).map(tuple),
)
BLOCKS = st.lists(BLOCK, min_size=1, max_size=2).map(tuple)


@st.composite
def policies(draw: st.DrawFn) -> tuple[list[Row], list[RoleDefinition]]:
    """Draw roles, and assignments of them and of one that is not in force."""
    roles = [
        RoleDefinition(f"r-{n}", f"role {n}", "", blocks)
        for n, blocks in enumerate(draw(st.lists(BLOCKS, min_size=1, max_size=3)))
    ]
    ids = st.sampled_from([*(role.id for role in roles), "gone"])
    held = draw(st.lists(st.tuples(KEYS, SCOPES, ids), max_size=12, unique=True))
    return [Row(*one, id=str(n)) for n, one in enumerate(held)], roles


@given(policies(), st.lists(KEYS, min_size=1, max_size=3), ACTIONS, SCOPES)
def test_a_decision_is_the_one_of_the_plain_reference(
    policy: tuple[list[Row], list[RoleDefinition]], keys: list[str], action: str, scope: str
) -> None:
    rows, roles = policy
    expected = deciding(rows, roles, principal_keys=keys, action=action, scope=scope)

    decision = decide(
        snapshot_of(rows), Catalogue(roles), principal_keys=keys, action=action, scope=scope
    )

    assert decision.allowed is bool(expected)
    assert decision.revision == 9
    if decision.allowed:
        assert (decision.assignment_id, decision.assignment_scope) in {
            (row.id, row.scope) for row in expected
        }
