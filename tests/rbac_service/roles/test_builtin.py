from __future__ import annotations

import uuid

import pytest

from rbac_service.roles.builtin import BUILT_IN_ROLES
from rbac_service.roles.patterns import EXPLICIT_ONLY
from rbac_service.roles.rules import Catalogue

# display name -> id, actions; the ids are those of Windows Virtual Desktop's own roles.
ORIGINALS = {
    "RDS Owner": ("3b14baea-8d82-4610-f5da-08d623dd1cc4", ("*",)),
    "RDS Contributor": (
        "f5dc85e1-b94d-48f0-f5dc-08d623dd1cc4",
        ("deskhold.resources/*", "deskhold.diagnostics/*"),
    ),
    "RDS Reader": ("2ea11dc0-46e3-4ee8-f5db-08d623dd1cc4", ("*/read",)),
    "RDS Operator": ("827a079d-aa89-4d0d-f5dd-08d623dd1cc4", ("deskhold.diagnostics/read",)),
}
OURS = {
    "RDS User",
    "RDS Host Operator",
    "RDS Session Operator",
    "RDS Host Agent",
    "RDS Gateway",
    "Access Administrator",
    "Policy Enforcement Point",
}


@pytest.mark.parametrize("name", ORIGINALS)
def test_an_original_role_has_its_original_id_and_actions(name: str) -> None:
    role = Catalogue(BUILT_IN_ROLES).find(name)

    assert role is not None
    assert (role.id, role.permissions[0].actions) == ORIGINALS[name]
    assert len(role.permissions) == 1
    assert role.permissions[0].not_actions == ()


def test_these_are_all_the_roles_there_are() -> None:
    assert {role.display_name for role in BUILT_IN_ROLES} == ORIGINALS.keys() | OURS
    assert all(role.built_in for role in BUILT_IN_ROLES)


def test_ids_are_uuids_and_names_are_unique_without_case() -> None:
    assert {str(uuid.UUID(role.id)) for role in BUILT_IN_ROLES} == {
        role.id for role in BUILT_IN_ROLES
    }
    assert len({role.display_name.lower() for role in BUILT_IN_ROLES}) == len(BUILT_IN_ROLES)


READ_HOSTS = "deskhold.resources/hosts/read"
ADD_HOSTS = "deskhold.resources/hosts/write"
DRAIN = "deskhold.resources/hosts/drain/action"
ASSIGN = "deskhold.resources/assignments/write"
SEE_ASSIGNED = "deskhold.resources/assignments/read"
MAKE_COLLECTION = "deskhold.resources/collections/write"
MAKE_TENANT = "deskhold.resources/tenants/write"
CONNECT = "deskhold.resources/appGroups/connect/action"
LOG_OFF = "deskhold.resources/sessions/logoff/action"
REPORT = "deskhold.resources/agents/report/action"
RESOLVE = "deskhold.resources/gateways/resolve/action"
DIAGNOSE = "deskhold.diagnostics/read"
GRANT = "deskhold.authorization/roleAssignments/write"
SEE_GRANTS = "deskhold.authorization/roleAssignments/read"
REGISTER = "deskhold.authorization/scopes/write"
ASK_ABOUT_OTHERS = "deskhold.authorization/checkAccess/action"
ALL = {
    READ_HOSTS,
    ADD_HOSTS,
    DRAIN,
    ASSIGN,
    SEE_ASSIGNED,
    MAKE_COLLECTION,
    MAKE_TENANT,
    CONNECT,
    LOG_OFF,
    REPORT,
    RESOLVE,
    DIAGNOSE,
    GRANT,
    SEE_GRANTS,
    REGISTER,
    ASK_ABOUT_OTHERS,
}

# What each may do of all that is listed above.
MAY = {
    "RDS Owner": ALL,
    "RDS Contributor": ALL - {GRANT, SEE_GRANTS, REGISTER, ASK_ABOUT_OTHERS},
    "RDS Reader": {READ_HOSTS, SEE_ASSIGNED, DIAGNOSE, SEE_GRANTS},
    "RDS Operator": {DIAGNOSE},
    "RDS User": {CONNECT},
    "RDS Host Operator": {READ_HOSTS, ADD_HOSTS, DRAIN, SEE_ASSIGNED},
    "RDS Session Operator": {READ_HOSTS, SEE_ASSIGNED, LOG_OFF},
    "RDS Host Agent": {REPORT},
    "RDS Gateway": {RESOLVE},
    "Access Administrator": {GRANT, SEE_GRANTS},
    "Policy Enforcement Point": {REGISTER, ASK_ABOUT_OTHERS},
}


@pytest.mark.parametrize("name", MAY)
def test_a_role_allows_this_and_nothing_else(name: str) -> None:
    role = Catalogue(BUILT_IN_ROLES).find(name)

    assert role is not None
    assert {action for action in ALL if role.allows(action)} == MAY[name]
    assert role.allows(CONNECT.upper()) is (CONNECT in MAY[name])


def test_the_table_above_leaves_no_role_out() -> None:
    assert MAY.keys() == {role.display_name for role in BUILT_IN_ROLES}


@pytest.mark.parametrize("action", sorted(EXPLICIT_ONLY))
def test_no_built_in_role_lets_anybody_hand_out_what_they_do_not_hold(action: str) -> None:
    assert not any(role.allows(action) for role in BUILT_IN_ROLES)
