"""The RBAC service's methods as functions from plain arguments to calls.

Scopes are paths: `/`, `/tenantGroups/contoso`, ... Request ids are as in `deskhold.client.broker`.
"""

from __future__ import annotations

from collections.abc import Iterable

from google.protobuf.empty_pb2 import Empty

from deskhold.api.rbac.v1 import (
    access_pb2,
    principals_pb2,
    role_assignments_pb2,
    role_definitions_pb2,
    scopes_pb2,
)
from deskhold.client.broker import new_request_id
from deskhold.client.calls import PAGE_SIZE, Call, Listing
from deskhold.identities import Principal


def check_access(
    action: str, scope: str, *, principal: Principal | None = None, group_ids: Iterable[str] = ()
) -> Call[access_pb2.CheckAccessResponse]:
    """Ask whether the caller, or another principal, may do an action at a scope.

    DENY is an answer, not an error.

    Raises:
        InvalidArgument: The action or the scope is malformed.
        PermissionDenied: The caller may not ask about others there.
        Unavailable: Nobody can say; never to be read as ALLOW.
    """
    request = access_pb2.CheckAccessRequest(
        principal=_principal(principal), action=action, scope=scope, group_ids=group_ids
    )
    return Call(request, access_pb2.CheckAccessResponse)


def batch_check_access(
    checks: Iterable[access_pb2.CheckAccessRequest],
) -> Call[access_pb2.BatchCheckAccessResponse]:
    """Ask 1-256 questions at once; each result is an answer or an error, in their order."""
    request = access_pb2.BatchCheckAccessRequest(checks=checks)
    return Call(request, access_pb2.BatchCheckAccessResponse)


def who_am_i() -> Call[access_pb2.WhoAmIResponse]:
    """Return the caller as the services see it."""
    return Call(access_pb2.WhoAmIRequest(), access_pb2.WhoAmIResponse)


def get_role_definition(name: str) -> Call[role_definitions_pb2.RoleDefinition]:
    """Return one role, by `roleDefinitions/{id}`.

    Raises:
        NotFound: There is none.
    """
    request = role_definitions_pb2.GetRoleDefinitionRequest(name=name)
    return Call(request, role_definitions_pb2.RoleDefinition)


def list_role_definitions(
    *, page_size: int = PAGE_SIZE
) -> Listing[role_definitions_pb2.RoleDefinition]:
    """Iterate over the roles, by display name."""
    request = role_definitions_pb2.ListRoleDefinitionsRequest(page_size=page_size)
    return Listing(
        Call(request, role_definitions_pb2.ListRoleDefinitionsResponse),
        lambda page: page.role_definitions,
    )


def create_role_assignment(
    scope: str,
    principal: Principal,
    role: str,
    *,
    role_assignment_id: str = "",
    request_id: str | None = None,
    validate_only: bool = False,
) -> Call[role_assignments_pb2.RoleAssignment]:
    """Give a principal a role at a scope and all scopes below it. Safe to repeat.

    Args:
        scope: Where; it must be registered.
        principal: To whom.
        role: `roleDefinitions/{id}`, or a display name such as `RDS Owner`.
        role_assignment_id: A UUID; derived from the other three when empty.
        request_id: See above.
        validate_only: Change nothing.

    Raises:
        NotFound: There is no such scope or role.
        AlreadyExists: The chosen id belongs to another assignment.
        PermissionDenied: The caller may not, or lacks a permission that the role hands out.
    """
    request = role_assignments_pb2.CreateRoleAssignmentRequest(
        scope=scope,
        role_assignment=role_assignments_pb2.RoleAssignment(
            principal=_principal(principal), role_definition=role
        ),
        role_assignment_id=role_assignment_id,
        request_id=request_id or new_request_id(),
        validate_only=validate_only,
    )
    return Call(request, role_assignments_pb2.RoleAssignment)


def get_role_assignment(name: str) -> Call[role_assignments_pb2.RoleAssignment]:
    """Return one role assignment, by `{scope}/roleAssignments/{id}` without a leading slash.

    Raises:
        NotFound: There is none.
    """
    request = role_assignments_pb2.GetRoleAssignmentRequest(name=name)
    return Call(request, role_assignments_pb2.RoleAssignment)


def list_role_assignments(
    scope: str,
    *,
    principal: Principal | None = None,
    role: str = "",
    at_scope_only: bool = False,
    page_size: int = PAGE_SIZE,
) -> Listing[role_assignments_pb2.RoleAssignment]:
    """Iterate over the role assignments at a scope, above it and below it, or only at it."""
    request = role_assignments_pb2.ListRoleAssignmentsRequest(
        scope=scope,
        principal=_principal(principal),
        role_definition=role,
        at_scope_only=at_scope_only,
        page_size=page_size,
    )
    return Listing(
        Call(request, role_assignments_pb2.ListRoleAssignmentsResponse),
        lambda page: page.role_assignments,
    )


def delete_role_assignment(
    name: str, *, etag: str = "", request_id: str | None = None, validate_only: bool = False
) -> Call[Empty]:
    """Take a role away.

    Raises:
        NotFound: There is no such role assignment.
        FailedPrecondition: It is the last Owner's.
        Aborted: It is not the version of the etag.
    """
    request = role_assignments_pb2.DeleteRoleAssignmentRequest(
        name=name,
        etag=etag,
        request_id=request_id or new_request_id(),
        validate_only=validate_only,
    )
    return Call(request, Empty)


def create_scope(
    name: str, *, display_name: str = "", request_id: str | None = None
) -> Call[scopes_pb2.Scope]:
    """Register a scope: a tenant group, or a tenant in one. Safe to repeat.

    Raises:
        FailedPrecondition: Its parent is not registered.
        AlreadyExists: It is there with another display name.
    """
    request = scopes_pb2.CreateScopeRequest(
        scope=scopes_pb2.Scope(name=name, display_name=display_name),
        request_id=request_id or new_request_id(),
    )
    return Call(request, scopes_pb2.Scope)


def get_scope(name: str) -> Call[scopes_pb2.Scope]:
    """Return one scope.

    Raises:
        NotFound: It is not registered.
    """
    return Call(scopes_pb2.GetScopeRequest(name=name), scopes_pb2.Scope)


def list_scopes(parent: str, *, page_size: int = PAGE_SIZE) -> Listing[scopes_pb2.Scope]:
    """Iterate over the scopes below one, at any depth, by name."""
    request = scopes_pb2.ListScopesRequest(parent=parent, page_size=page_size)
    return Listing(Call(request, scopes_pb2.ListScopesResponse), lambda page: page.scopes)


def delete_scope(
    name: str, *, force: bool = False, request_id: str | None = None, validate_only: bool = False
) -> Call[Empty]:
    """Remove a scope with the role assignments there; with force, everything below it too.

    Raises:
        NotFound: It is not registered.
        FailedPrecondition: Others lie below it, and force is not set.
    """
    request = scopes_pb2.DeleteScopeRequest(
        name=name,
        force=force,
        request_id=request_id or new_request_id(),
        validate_only=validate_only,
    )
    return Call(request, Empty)


def _principal(principal: Principal | None) -> principals_pb2.Principal | None:
    if principal is None:
        return None
    return principals_pb2.Principal(
        kind=principals_pb2.PrincipalKind.Value(f"PRINCIPAL_KIND_{principal.kind.name}"),
        id=principal.id,
        directory=principal.directory,
    )
