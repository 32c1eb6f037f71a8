from __future__ import annotations

from collections.abc import Callable

import pytest

from deskhold.api.rbac.v1.scopes_pb2 import (
    DeleteScopeRequest,
    GetScopeRequest,
    ListScopesRequest,
)
from deskhold.errors import (
    PermissionDenied,
)
from tests.rbac_service.requests import below, grant, scope_of, user
from tests.rbac_service.running import Caller, Process

# role held at `/` -> may make a tenant group | a tenant | register a collection
ROLES = {
    "RDS Owner": (True, True, True),
    "RDS Contributor": (True, True, False),
    "RDS Reader": (False, False, False),
    "RDS Host Operator": (False, False, False),
    "Policy Enforcement Point": (False, False, True),
}


@pytest.mark.parametrize("role", ROLES)
def test_tenants_are_made_by_people_and_collections_registered_by_services(
    rbac: Process, owner: Caller, tenant_group: str, someone: Callable[[], str], role: str
) -> None:
    tenant, name = f"{tenant_group}/tenants/hr", someone()
    owner(scope_of(tenant))
    held = owner(grant(user(name), role, "/"))
    acting = rbac.signed_in(name)
    new = (f"{tenant_group}-new", f"{tenant_group}/tenants/new", f"{tenant}/collections/new")

    may = []
    for path in new:
        try:
            acting(scope_of(path))
            acting(DeleteScopeRequest(name=path))
        except PermissionDenied:
            may.append(False)
        else:
            may.append(True)

    assert tuple(may) == ROLES[role]
    assert held.scope == "/"


def test_the_right_to_make_a_scope_is_needed_at_its_parent(
    rbac: Process, owner: Caller, tenant_group: str, someone: Callable[[], str]
) -> None:
    name = someone()
    owner(grant(user(name), "RDS Contributor", tenant_group))
    acting = rbac.signed_in(name)

    acting(scope_of(f"{tenant_group}/tenants/hr"))
    with pytest.raises(PermissionDenied) as refused:
        acting(scope_of(f"{tenant_group}-new"))

    assert refused.value.metadata["action"] == "deskhold.resources/tenantGroups/write"
    assert refused.value.metadata["scope"] == "/"


def test_only_those_who_may_see_scopes_see_them(
    rbac: Process, owner: Caller, tenant_group: str, someone: Callable[[], str]
) -> None:
    name = someone()
    owner(grant(user(name), "RDS Reader", tenant_group))
    acting = rbac.signed_in(name)

    assert acting(GetScopeRequest(name=tenant_group)).name == tenant_group
    assert below(acting, tenant_group) == []
    for request in (GetScopeRequest(name="/"), ListScopesRequest(parent="/")):
        with pytest.raises(PermissionDenied):
            acting(request)
