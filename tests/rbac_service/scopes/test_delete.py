from __future__ import annotations

import uuid

import pytest

from deskhold.api.rbac.v1.scopes_pb2 import (
    DeleteScopeRequest,
    GetScopeRequest,
)
from deskhold.errors import (
    FailedPrecondition,
    NotFound,
)
from tests.rbac_service.requests import below, grant, held_at, scope_of, user
from tests.rbac_service.running import Caller, Deployment


def test_an_empty_scope_is_removed_with_what_came_by_itself(
    owner: Caller, tenant_group: str
) -> None:
    owner(scope_of(f"{tenant_group}/tenants/hr"))

    owner(DeleteScopeRequest(name=f"{tenant_group}/tenants/hr"))

    assert below(owner, tenant_group) == []


def test_a_scope_with_others_below_it_is_removed_by_force_only(
    owner: Caller, tenant_group: str
) -> None:
    for tenant in ("hr", "eng"):
        owner(scope_of(f"{tenant_group}/tenants/{tenant}"))

    with pytest.raises(FailedPrecondition) as refused:
        owner(DeleteScopeRequest(name=tenant_group))
    assert refused.value.reason == "SCOPE_NOT_EMPTY"
    assert refused.value.metadata == {"scope": tenant_group, "children": "2"}

    owner(DeleteScopeRequest(name=tenant_group, force=True, validate_only=True))
    assert len(below(owner, tenant_group)) == 4

    owner(DeleteScopeRequest(name=tenant_group, force=True))
    with pytest.raises(NotFound):
        owner(GetScopeRequest(name=tenant_group))


def test_removing_a_scope_removes_all_below_it_in_one_revision(
    owner: Caller, deployment: Deployment, tenant_group: str
) -> None:
    tenant, neighbour = f"{tenant_group}/tenants/hr", f"{tenant_group}/tenants/hr-2"
    for path in (tenant, neighbour, f"{tenant}/collections/pcs"):
        owner(scope_of(path))
        owner(grant(user("a@x"), "RDS Reader", path))
    revision = deployment.revision

    owner(DeleteScopeRequest(name=tenant, force=True))

    assert deployment.revision == revision + 1
    assert sorted(
        (change["kind"], change["row"].get("scope") or change["row"]["path"])
        for change in deployment.changes(revision + 1)
    ) == [
        ("remove_role_assignment", tenant),
        ("remove_role_assignment", f"{tenant}/collections/pcs"),
        ("remove_scope", tenant),
        ("remove_scope", f"{tenant}/collections/pcs"),
        ("remove_scope", f"{tenant}/diagnostics"),
    ]
    assert below(owner, tenant_group) == [neighbour, f"{neighbour}/diagnostics"]
    assert [one.scope for one in held_at(owner, tenant_group) if one.scope != "/"] == [neighbour]


def test_a_name_used_again_begins_without_role_assignments(
    owner: Caller, tenant_group: str
) -> None:
    owner(grant(user("a@x"), "RDS Reader", tenant_group))
    owner(DeleteScopeRequest(name=tenant_group))

    owner(scope_of(tenant_group))

    assert held_at(owner, tenant_group, at_scope_only=True) == []


def test_a_removal_repeated_is_not_found_unless_it_is_a_retry(
    owner: Caller, tenant_group: str
) -> None:
    request = DeleteScopeRequest(name=tenant_group, request_id=str(uuid.uuid4()))
    owner(request)

    owner(request)
    with pytest.raises(NotFound):
        owner(DeleteScopeRequest(name=tenant_group))
