from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from deskhold.api.rbac.v1.principals_pb2 import Principal
from deskhold.api.rbac.v1.role_assignments_pb2 import (
    GetRoleAssignmentRequest,
    ListRoleAssignmentsRequest,
)
from deskhold.errors import InvalidArgument, NotFound, PermissionDenied
from tests.rbac_service.requests import grant, held_at, scope_of, user
from tests.rbac_service.running import OWNER, Caller, Process


@dataclass(frozen=True)
class Tree:
    """Role assignments in a tree: `alice` reads the whole group, `bob` uses one tenant of it."""

    group: str
    hr: str
    eng: str
    alice: Principal
    bob: Principal


@pytest.fixture
def tree(owner: Caller, tenant_group: str, someone: Callable[[], str]) -> Tree:
    made = Tree(
        tenant_group,
        f"{tenant_group}/tenants/hr",
        f"{tenant_group}/tenants/eng",
        user(someone()),
        user(someone()),
    )
    owner(scope_of(made.hr))
    owner(scope_of(made.eng))
    owner(grant(made.alice, "RDS Reader", made.group))
    owner(grant(made.bob, "RDS User", made.hr))
    owner(grant(made.alice, "RDS User", made.hr))
    owner(grant(made.bob, "RDS Reader", made.eng))
    return made


def shown(owner: Caller, scope: str, **filters: Any) -> set[tuple[str, str, str]]:
    """Return (user, role, scope) of what a list shows, less what the deployment began with."""
    return {
        (one.principal.id, one.role_display_name, one.scope)
        for one in held_at(owner, scope, **filters)
        if one.scope != "/"
    }


def test_a_list_shows_what_is_at_above_and_below_a_scope(owner: Caller, tree: Tree) -> None:
    at_group = (tree.alice.id, "RDS Reader", tree.group)
    in_hr = {(tree.bob.id, "RDS User", tree.hr), (tree.alice.id, "RDS User", tree.hr)}
    in_eng = (tree.bob.id, "RDS Reader", tree.eng)

    assert shown(owner, tree.group) == {at_group, *in_hr, in_eng}
    assert shown(owner, tree.hr) == {at_group, *in_hr}
    assert shown(owner, tree.eng) == {at_group, in_eng}
    assert OWNER in {one.principal.id for one in held_at(owner, tree.hr)}


def test_a_list_of_the_deployment_shows_everything(owner: Caller, tree: Tree) -> None:
    assert shown(owner, "/") >= shown(owner, tree.group)


def test_a_list_may_leave_out_above_and_below(owner: Caller, tree: Tree) -> None:
    assert shown(owner, tree.group, at_scope_only=True) == {
        (tree.alice.id, "RDS Reader", tree.group)
    }


def test_filters_must_all_hold(owner: Caller, tree: Tree) -> None:
    assert shown(owner, tree.group, principal=tree.alice) == {
        (tree.alice.id, "RDS Reader", tree.group),
        (tree.alice.id, "RDS User", tree.hr),
    }
    assert shown(owner, tree.group, role_definition="RDS User") == {
        (tree.bob.id, "RDS User", tree.hr),
        (tree.alice.id, "RDS User", tree.hr),
    }
    assert shown(owner, tree.group, principal=tree.bob, role_definition="rds user") == {
        (tree.bob.id, "RDS User", tree.hr)
    }


def test_a_principal_is_found_under_any_of_its_names(owner: Caller, tree: Tree) -> None:
    alias = user("CONTOSO\\" + tree.alice.id.partition("@")[0].upper())

    assert shown(owner, tree.group, principal=alias) == shown(
        owner, tree.group, principal=tree.alice
    )


@pytest.mark.parametrize("size", [1, 2, 3, 100])
def test_the_pages_together_are_the_list_in_order(owner: Caller, tree: Tree, size: int) -> None:
    whole = held_at(owner, tree.group)

    assert held_at(owner, tree.group, page_size=size) == whole
    assert [(one.scope, one.name) for one in whole] == sorted(
        (one.scope, one.name) for one in whole
    )


def test_a_page_token_is_of_one_list_and_one_caller(
    rbac: Process, owner: Caller, tree: Tree
) -> None:
    token = owner(ListRoleAssignmentsRequest(scope=tree.group, page_size=1)).next_page_token
    alice = rbac.signed_in(tree.alice.id)

    for caller, scope in ((owner, tree.hr), (alice, tree.group)):
        with pytest.raises(InvalidArgument) as refused:
            caller(ListRoleAssignmentsRequest(scope=scope, page_token=token))
        assert refused.value.reason == "PAGE_TOKEN_INVALID"


def test_a_list_of_what_is_not_there_is_not_found(owner: Caller) -> None:
    with pytest.raises(NotFound) as no_scope:
        owner(ListRoleAssignmentsRequest(scope="/tenantGroups/not-there"))
    with pytest.raises(NotFound) as no_role:
        owner(ListRoleAssignmentsRequest(scope="/", role_definition="RDS Gardener"))

    assert no_scope.value.reason == "SCOPE_NOT_FOUND"
    assert no_role.value.reason == "ROLE_DEFINITION_NOT_FOUND"


def test_a_filter_by_a_user_that_is_none_is_an_invalid_argument(owner: Caller) -> None:
    with pytest.raises(InvalidArgument):
        owner(ListRoleAssignmentsRequest(scope="/", principal=user("alice")))


def test_a_reader_sees_who_holds_what_within_reach(rbac: Process, tree: Tree) -> None:
    alice, bob = rbac.signed_in(tree.alice.id), rbac.signed_in(tree.bob.id)

    assert (tree.bob.id, "RDS User", tree.hr) in shown(alice, tree.group)
    with pytest.raises(PermissionDenied):
        held_at(alice, "/")
    with pytest.raises(PermissionDenied):
        held_at(bob, tree.hr)


@pytest.mark.parametrize(
    "name", ["roleAssignments/00000000-0000-4000-8000-000000000000", "roleAssignments/x"]
)
def test_an_assignment_that_is_not_there_is_not_found(owner: Caller, name: str) -> None:
    with pytest.raises(NotFound) as refused:
        owner(GetRoleAssignmentRequest(name=name))

    assert refused.value.reason == "ROLE_ASSIGNMENT_NOT_FOUND"
    assert refused.value.metadata == {"role_assignment": name}


def test_an_assignment_is_not_found_under_another_scope(owner: Caller, tree: Tree) -> None:
    (made,) = held_at(owner, tree.eng, at_scope_only=True)
    own_id = made.name.rpartition("/")[2]

    with pytest.raises(NotFound):
        owner(GetRoleAssignmentRequest(name=f"{tree.hr[1:]}/roleAssignments/{own_id}"))


@pytest.mark.parametrize(
    "name", ["x", "tenantGroups/g", "/roleAssignments/x", "hosts/h/roleAssignments/x"]
)
def test_what_is_no_name_of_an_assignment_is_an_invalid_argument(owner: Caller, name: str) -> None:
    with pytest.raises(InvalidArgument):
        owner(GetRoleAssignmentRequest(name=name))
