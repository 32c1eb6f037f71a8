"""What roles allow."""

from __future__ import annotations

from collections.abc import Iterable

from google.protobuf.field_mask_pb2 import FieldMask

from deskhold.api.rbac.v1 import role_definitions_pb2 as pb
from deskhold.client.calls import PAGE_SIZE, Call, Listing, new_request_id


def get_role_definition(name: str, *, scope: str = "") -> Call[pb.RoleDefinition]:
    """Return one role, by `roleDefinitions/{id}`.

    Args:
        name: The role.
        scope: Where the caller may read roles; the deployment when not given.

    Raises:
        NotFound: There is none.
    """
    return Call(pb.GetRoleDefinitionRequest(name=name, scope=scope), pb.RoleDefinition)


def list_role_definitions(
    *, scope: str = "", show_deleted: bool = False, page_size: int = PAGE_SIZE
) -> Listing[pb.RoleDefinition]:
    """Iterate over the roles that can be assigned at a scope, by display name."""
    request = pb.ListRoleDefinitionsRequest(
        scope=scope, show_deleted=show_deleted, page_size=page_size
    )
    return Listing(
        Call(request, pb.ListRoleDefinitionsResponse), lambda page: page.role_definitions
    )


def create_role_definition(
    display_name: str,
    permissions: Iterable[pb.Permission],
    assignable_scopes: Iterable[str],
    *,
    description: str = "",
    role_definition_id: str = "",
    request_id: str | None = None,
    validate_only: bool = False,
) -> Call[pb.RoleDefinition]:
    """Create a custom role.

    Args:
        display_name: What people call it; unique without case.
        permissions: Its blocks; an action is allowed when one of them allows it.
        assignable_scopes: Where it may be assigned, and below.
        description: What it is for.
        role_definition_id: A UUID; the service chooses one when empty.
        request_id: See `deskhold.client.rbac`.
        validate_only: Change nothing.

    Raises:
        AlreadyExists: The id or the display name is taken.
        PermissionDenied: The caller may not, or lacks a permission of the role there.
    """
    request = pb.CreateRoleDefinitionRequest(
        role_definition=pb.RoleDefinition(
            display_name=display_name,
            description=description,
            permissions=permissions,
            assignable_scopes=assignable_scopes,
        ),
        role_definition_id=role_definition_id,
        request_id=request_id or new_request_id(),
        validate_only=validate_only,
    )
    return Call(request, pb.RoleDefinition)


def update_role_definition(
    name: str,
    *,
    display_name: str | None = None,
    description: str | None = None,
    permissions: Iterable[pb.Permission] | None = None,
    assignable_scopes: Iterable[str] | None = None,
    etag: str = "",
    scope: str = "",
    request_id: str | None = None,
    validate_only: bool = False,
) -> Call[pb.RoleDefinition]:
    """Change what is given of a custom role; the rest stays.

    Args:
        name: `roleDefinitions/{id}`.
        display_name: See `create_role_definition`, as the next three.
        description: See above.
        permissions: See above; they replace all blocks.
        assignable_scopes: See above; they replace all scopes.
        etag: Change only this version.
        scope: Where the caller may change roles, above all its assignable scopes; the deployment
            when not given.
        request_id: See `deskhold.client.rbac`.
        validate_only: Change nothing.

    Raises:
        NotFound: There is no such role.
        Aborted: It is not the version of the etag.
        FailedPrecondition: It is built in, or assigned outside its new assignable scopes.
        PermissionDenied: The caller may not, or lacks a permission of the role somewhere.
    """
    changes = {
        "display_name": display_name,
        "description": description,
        "permissions": permissions,
        "assignable_scopes": assignable_scopes,
    }
    given = {field: value for field, value in changes.items() if value is not None}
    # The fields have types of their own, which a mapping does not tell apart.
    request = pb.UpdateRoleDefinitionRequest(
        role_definition=pb.RoleDefinition(name=name, etag=etag, **given),  # type: ignore[arg-type]
        update_mask=FieldMask(paths=list(given)),
        scope=scope,
        request_id=request_id or new_request_id(),
        validate_only=validate_only,
    )
    return Call(request, pb.RoleDefinition)


def delete_role_definition(
    name: str,
    *,
    etag: str = "",
    scope: str = "",
    request_id: str | None = None,
    validate_only: bool = False,
) -> Call[pb.RoleDefinition]:
    """Delete a custom role that nobody holds; it can be undeleted.

    Raises:
        NotFound: There is no such role.
        FailedPrecondition: It is built in, or somebody holds it.
        Aborted: It is not the version of the etag.
    """
    request = pb.DeleteRoleDefinitionRequest(
        name=name,
        etag=etag,
        scope=scope,
        request_id=request_id or new_request_id(),
        validate_only=validate_only,
    )
    return Call(request, pb.RoleDefinition)


def undelete_role_definition(
    name: str, *, scope: str = "", request_id: str | None = None, validate_only: bool = False
) -> Call[pb.RoleDefinition]:
    """Bring a deleted role back as it was.

    Raises:
        NotFound: There is no such role, or it is not deleted.
        AlreadyExists: Another role took its display name.
    """
    request = pb.UndeleteRoleDefinitionRequest(
        name=name,
        scope=scope,
        request_id=request_id or new_request_id(),
        validate_only=validate_only,
    )
    return Call(request, pb.RoleDefinition)


def list_role_definition_versions(
    name: str, *, scope: str = "", page_size: int = PAGE_SIZE
) -> Listing[pb.RoleDefinition]:
    """Iterate over what a custom role is and was, newest first."""
    request = pb.ListRoleDefinitionVersionsRequest(name=name, scope=scope, page_size=page_size)
    return Listing(Call(request, pb.ListRoleDefinitionVersionsResponse), lambda page: page.versions)


def list_actions() -> Call[pb.ListActionsResponse]:
    """Return the actions that services declare, sorted."""
    return Call(pb.ListActionsRequest(), pb.ListActionsResponse)


def list_grantable_roles(scope: str) -> Call[pb.ListGrantableRolesResponse]:
    """Return the roles that the caller may assign at a scope, by display name."""
    return Call(pb.ListGrantableRolesRequest(scope=scope), pb.ListGrantableRolesResponse)


def lint_policy() -> Call[pb.LintPolicyResponse]:
    """Return what is legal in the policy but probably not meant."""
    return Call(pb.LintPolicyRequest(), pb.LintPolicyResponse)
