"""The requests the tests make, in few words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from deskhold.api.rbac.v1.access_pb2 import BatchCheckAccessRequest, CheckAccessRequest
from deskhold.api.rbac.v1.principals_pb2 import (
    PRINCIPAL_KIND_GROUP,
    PRINCIPAL_KIND_SERVICE_PRINCIPAL,
    PRINCIPAL_KIND_USER,
    Principal,
)
from deskhold.api.rbac.v1.role_assignments_pb2 import (
    CreateRoleAssignmentRequest,
    ListRoleAssignmentsRequest,
    RoleAssignment,
)
from deskhold.api.rbac.v1.scopes_pb2 import CreateScopeRequest, ListScopesRequest, Scope
from tests.rbac_service.running import Caller


def user(name: str) -> Principal:
    return Principal(kind=PRINCIPAL_KIND_USER, id=name)


def group(name: str) -> Principal:
    return Principal(kind=PRINCIPAL_KIND_GROUP, id=name)


def service(name: str) -> Principal:
    return Principal(kind=PRINCIPAL_KIND_SERVICE_PRINCIPAL, id=name)


def check(
    action: str, scope: str, who: Principal | None = None, groups: Sequence[str] = ()
) -> CheckAccessRequest:
    return CheckAccessRequest(action=action, scope=scope, principal=who, group_ids=groups)


def checks(*questions: CheckAccessRequest) -> BatchCheckAccessRequest:
    return BatchCheckAccessRequest(checks=questions)


def grant(who: Principal, role: str, scope: str, **options: Any) -> CreateRoleAssignmentRequest:
    wanted = RoleAssignment(principal=who, role_definition=role)
    return CreateRoleAssignmentRequest(scope=scope, role_assignment=wanted, **options)


def scope_of(path: str, display_name: str = "", **options: Any) -> CreateScopeRequest:
    return CreateScopeRequest(scope=Scope(name=path, display_name=display_name), **options)


def held_at(caller: Caller, scope: str, **filters: Any) -> list[RoleAssignment]:
    """Return every role assignment that a list shows, page by page."""
    seen: list[RoleAssignment] = []
    token, more = "", True
    while more:
        request = ListRoleAssignmentsRequest(scope=scope, page_token=token, **filters)
        page = caller(request)
        seen += page.role_assignments
        token = page.next_page_token
        more = bool(token)
    return seen


def below(caller: Caller, path: str, page_size: int = 0) -> list[str]:
    """Return the names of the scopes below a path, page by page."""
    names: list[str] = []
    token, more = "", True
    while more:
        page = caller(ListScopesRequest(parent=path, page_size=page_size, page_token=token))
        names += [scope.name for scope in page.scopes]
        token = page.next_page_token
        more = bool(token)
    return names
