from __future__ import annotations

import pytest

from deskhold.api.rbac.v1.scopes_pb2 import (
    SCOPE_KIND_APP_GROUP,
    SCOPE_KIND_COLLECTION,
    SCOPE_KIND_DEPLOYMENT,
    SCOPE_KIND_DIAGNOSTICS,
    SCOPE_KIND_TENANT,
    SCOPE_KIND_TENANT_GROUP,
    DeleteScopeRequest,
    GetScopeRequest,
    ListScopesRequest,
)
from deskhold.errors import (
    AlreadyExists,
    FailedPrecondition,
    InvalidArgument,
    NotFound,
)
from tests.rbac_service.requests import below, scope_of
from tests.rbac_service.running import Caller, Deployment


def test_a_scope_says_what_it_stands_for(owner: Caller, tenant_group: str) -> None:
    tenant = f"{tenant_group}/tenants/hr"
    kinds = {
        "/": SCOPE_KIND_DEPLOYMENT,
        "/diagnostics": SCOPE_KIND_DIAGNOSTICS,
        tenant_group: SCOPE_KIND_TENANT_GROUP,
        tenant: SCOPE_KIND_TENANT,
        f"{tenant}/diagnostics": SCOPE_KIND_DIAGNOSTICS,
        f"{tenant}/collections/pcs": SCOPE_KIND_COLLECTION,
        f"{tenant}/collections/pcs/appGroups/desktop": SCOPE_KIND_APP_GROUP,
    }
    for path in (
        tenant,
        f"{tenant}/collections/pcs",
        f"{tenant}/collections/pcs/appGroups/desktop",
    ):
        owner(scope_of(path))

    assert {path: owner(GetScopeRequest(name=path)).kind for path in kinds} == kinds


def test_a_new_scope_is_as_it_was_asked_for(owner: Caller, tenant_group: str) -> None:
    made = owner(scope_of(f"{tenant_group}/tenants/hr", "Human Resources"))

    assert (made.name, made.display_name) == (f"{tenant_group}/tenants/hr", "Human Resources")
    assert made.create_time.seconds > 0
    assert made.etag
    assert owner(GetScopeRequest(name=made.name)) == made


def test_the_same_scope_again_is_the_one_that_is_there(
    owner: Caller, deployment: Deployment, tenant_group: str
) -> None:
    made = owner(scope_of(f"{tenant_group}/tenants/hr", "HR"))
    revision = deployment.revision

    assert owner(scope_of(f"{tenant_group}/tenants/hr", "HR")) == made
    assert deployment.revision == revision


def test_a_scope_that_is_there_under_another_display_name_is_refused(
    owner: Caller, tenant_group: str
) -> None:
    path = f"{tenant_group}/tenants/hr"
    owner(scope_of(path, "HR"))

    with pytest.raises(AlreadyExists) as refused:
        owner(scope_of(path, "Human Resources"))

    assert refused.value.reason == "SCOPE_ALREADY_EXISTS"
    assert refused.value.metadata == {"scope": path, "display_name": "HR"}


def test_a_scope_whose_parent_is_missing_is_refused(owner: Caller, tenant_group: str) -> None:
    with pytest.raises(FailedPrecondition) as refused:
        owner(scope_of(f"{tenant_group}/tenants/hr/collections/pcs"))

    assert refused.value.reason == "PARENT_SCOPE_MISSING"
    assert refused.value.metadata == {
        "scope": f"{tenant_group}/tenants/hr/collections/pcs",
        "parent": f"{tenant_group}/tenants/hr",
    }


def test_a_trial_registers_nothing(
    owner: Caller, deployment: Deployment, tenant_group: str
) -> None:
    revision = deployment.revision

    tried = owner(scope_of(f"{tenant_group}/tenants/hr", "HR", validate_only=True))

    assert tried.display_name == "HR"
    assert below(owner, tenant_group) == []
    assert deployment.revision == revision


@pytest.mark.parametrize("path", ["/", "/diagnostics", "/tenantGroups/g/tenants/t/diagnostics"])
def test_what_comes_by_itself_is_not_made_or_removed_by_hand(owner: Caller, path: str) -> None:
    with pytest.raises(InvalidArgument):
        owner(scope_of(path))
    with pytest.raises(InvalidArgument):
        owner(DeleteScopeRequest(name=path, force=True))


@pytest.mark.parametrize(
    "path", ["", "x", "/x", "/tenantGroups/g/tenants/t/collections/c/hosts/h", "/tenantGroups/g h"]
)
def test_what_is_no_scope_is_an_invalid_argument(owner: Caller, path: str) -> None:
    for request in (
        scope_of(path),
        GetScopeRequest(name=path),
        ListScopesRequest(parent=path),
        DeleteScopeRequest(name=path),
    ):
        with pytest.raises(InvalidArgument):
            owner(request)


def test_a_scope_that_is_not_there_is_not_found(owner: Caller) -> None:
    for request in (
        GetScopeRequest(name="/tenantGroups/not-there"),
        ListScopesRequest(parent="/tenantGroups/not-there"),
        DeleteScopeRequest(name="/tenantGroups/not-there"),
    ):
        with pytest.raises(NotFound) as refused:
            owner(request)
        assert refused.value.reason == "SCOPE_NOT_FOUND"
        assert refused.value.metadata == {"scope": "/tenantGroups/not-there"}


@pytest.mark.parametrize("size", [0, 1, 2, 3])
def test_a_list_shows_all_below_by_name_page_by_page(
    owner: Caller, tenant_group: str, size: int
) -> None:
    for tenant in ("hr", "eng", "hr-2"):
        owner(scope_of(f"{tenant_group}/tenants/{tenant}"))
    # Names that only begin like this one's.
    owner(scope_of(f"{tenant_group}-2"))
    owner(scope_of(f"{tenant_group}0"))
    expected = [
        f"{tenant_group}/tenants/{rest}"
        for rest in ("eng", "eng/diagnostics", "hr", "hr-2", "hr-2/diagnostics", "hr/diagnostics")
    ]

    assert below(owner, tenant_group, size) == expected
    assert set(expected) < set(below(owner, "/"))
