"""Between lists of the whole policy and their messages."""

from __future__ import annotations

from collections.abc import Sequence

from deskhold.api.rbac.v1 import access_pb2 as pb
from rbac_service.access.lists import EffectivePermissions, PrincipalAccess
from rbac_service.access.queries import Listed
from rbac_service.messages import principal_message, principal_of_key


def scopes_message(
    rows: Sequence[Listed[str]], token: str, revision: int
) -> pb.ListAccessibleScopesResponse:
    """Return a page of scopes as a message."""
    return pb.ListAccessibleScopesResponse(
        scopes=[listed.row for listed in rows], next_page_token=token, revision=revision
    )


def principals_message(
    rows: Sequence[Listed[PrincipalAccess]], token: str, revision: int
) -> pb.ListPrincipalsWithAccessResponse:
    """Return a page of those who may as a message."""
    return pb.ListPrincipalsWithAccessResponse(
        principals=[_principal_access(listed.row) for listed in rows],
        next_page_token=token,
        revision=revision,
    )


def permissions_message(
    rows: Sequence[Listed[EffectivePermissions]], token: str, revision: int
) -> pb.ListEffectivePermissionsResponse:
    """Return a page of who may do what as a message."""
    return pb.ListEffectivePermissionsResponse(
        rows=[_effective_permissions(listed.row) for listed in rows],
        next_page_token=token,
        revision=revision,
    )


def _principal_access(row: PrincipalAccess) -> pb.PrincipalAccess:
    return pb.PrincipalAccess(
        principal=principal_message(principal_of_key(row.principal_key)),
        role_assignment=row.role_assignment,
        role_display_name=row.role_display_name,
        through_groups=[principal_message(principal_of_key(key)) for key in row.through_groups],
    )


def _effective_permissions(row: EffectivePermissions) -> pb.EffectivePermissions:
    return pb.EffectivePermissions(
        principal=principal_message(principal_of_key(row.principal_key)),
        actions=row.actions,
        role_assignments=row.role_assignments,
    )
