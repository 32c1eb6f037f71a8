from __future__ import annotations

from collections.abc import Callable

import pytest

from deskhold.api.rbac.v1.role_definitions_pb2 import (
    GetRoleDefinitionRequest,
    ListRoleDefinitionsRequest,
    RoleDefinition,
)
from deskhold.errors import InvalidArgument, NotFound, PermissionDenied
from rbac_service.roles.builtin import BUILT_IN_ROLES, OWNER_ID
from tests.rbac_service.requests import grant, user
from tests.rbac_service.running import Caller, Process

OWNER_ROLE = f"roleDefinitions/{OWNER_ID}"


def every_role(caller: Caller, scope: str = "", page_size: int = 0) -> list[RoleDefinition]:
    roles: list[RoleDefinition] = []
    token, more = "", True
    while more:
        page = caller(
            ListRoleDefinitionsRequest(scope=scope, page_size=page_size, page_token=token)
        )
        roles += page.role_definitions
        token = page.next_page_token
        more = bool(token)
    return roles


def test_a_role_definition_says_what_it_allows(owner: Caller) -> None:
    role = owner(GetRoleDefinitionRequest(name=OWNER_ROLE))

    assert (role.name, role.display_name, role.built_in) == (OWNER_ROLE, "RDS Owner", True)
    assert [list(block.actions) for block in role.permissions] == [["*"]]
    assert role.description
    assert role.etag


@pytest.mark.parametrize("size", [0, 1, 3])
def test_a_list_shows_every_role_by_display_name(owner: Caller, size: int) -> None:
    shown = [role.display_name for role in every_role(owner, page_size=size)]

    assert shown == sorted((role.display_name for role in BUILT_IN_ROLES), key=str.lower)


@pytest.mark.parametrize("name", ["roleDefinitions/x", f"roleDefinitions/x{OWNER_ID}"])
def test_a_role_that_is_not_there_is_not_found(owner: Caller, name: str) -> None:
    with pytest.raises(NotFound) as refused:
        owner(GetRoleDefinitionRequest(name=name))

    assert refused.value.reason == "ROLE_DEFINITION_NOT_FOUND"


@pytest.mark.parametrize("name", ["", "RDS Owner", OWNER_ID, f"{OWNER_ROLE}/x"])
def test_what_is_no_name_of_a_role_is_an_invalid_argument(owner: Caller, name: str) -> None:
    with pytest.raises(InvalidArgument):
        owner(GetRoleDefinitionRequest(name=name))


def test_roles_are_shown_to_those_who_may_read_at_the_scope_they_name(
    rbac: Process, owner: Caller, tenant_group: str, someone: Callable[[], str]
) -> None:
    name = someone()
    owner(grant(user(name), "RDS Reader", tenant_group))
    reader = rbac.signed_in(name)

    assert len(every_role(reader, scope=tenant_group)) == len(BUILT_IN_ROLES)
    assert reader(GetRoleDefinitionRequest(name=OWNER_ROLE, scope=tenant_group)).built_in
    with pytest.raises(PermissionDenied):
        every_role(reader)
    with pytest.raises(PermissionDenied):
        reader(GetRoleDefinitionRequest(name=OWNER_ROLE, scope="/"))
