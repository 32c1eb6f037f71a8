from __future__ import annotations

import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deskhold.identities import Principal, PrincipalKind
from rbac_service.assignments.rules import RoleAssignment, derived_id, split_name

ID = "1c9e6679-7425-40de-944b-e07fc1f90ae7"
HR = "/tenantGroups/contoso/tenants/hr"
TEXTS = st.text(max_size=20)


def assignment(scope: str) -> RoleAssignment:
    alice = Principal(PrincipalKind.USER, "CONTOSO\\Alice")
    return RoleAssignment(ID, scope, "r-1", alice, "user:alice@contoso.com", 17, "user:b@x", 3)


@pytest.mark.parametrize(
    ("scope", "name"),
    [
        ("/", f"roleAssignments/{ID}"),
        (HR, f"tenantGroups/contoso/tenants/hr/roleAssignments/{ID}"),
    ],
)
def test_a_name_is_the_scope_and_the_id(scope: str, name: str) -> None:
    assert assignment(scope).name == name
    assert split_name(name) == (scope, ID)


@pytest.mark.parametrize(
    "name",
    [
        "",
        "roleAssignments",
        "roleAssignments/",
        f"/roleAssignments/{ID}/x",
        f"tenantGroups/contoso/{ID}",
        f"tenantGroups/contoso/roleassignments/{ID}",
        f"roleAssignments/{ID}/",
    ],
)
def test_what_is_no_name_has_no_parts(name: str) -> None:
    assert split_name(name) == ("", "")


def test_ids_compare_without_case() -> None:
    assert split_name(f"roleAssignments/{ID.upper()}") == ("/", ID)


@given(TEXTS, TEXTS, TEXTS)
def test_a_derived_id_is_a_uuid_and_always_the_same(scope: str, key: str, role_id: str) -> None:
    own = derived_id(scope, key, role_id)

    assert str(uuid.UUID(own)) == own
    assert derived_id(scope, key, role_id) == own


@given(st.sets(st.tuples(*[st.text("ab/:", max_size=3)] * 3), min_size=2, max_size=50))
def test_other_content_has_another_derived_id(contents: set[tuple[str, str, str]]) -> None:
    assert len({derived_id(*content) for content in contents}) == len(contents)


def test_derived_ids_are_the_same_in_every_deployment_and_version() -> None:
    assert (
        derived_id("/", "user:admin@contoso.com", "r-1") == "3105c622-5e27-5060-8bca-7aa5807bc572"
    )


def test_a_stored_row_becomes_the_assignment_again() -> None:
    class Row:
        pass

    row = Row()
    row.__dict__.update(assignment(HR).row)

    assert RoleAssignment.of_row(row) == assignment(HR)
