"""Looking up role definitions."""

from __future__ import annotations

from deskhold.chassis.paging import Page
from deskhold.errors import NotFound
from rbac_service.roles.rules import Catalogue, RoleDefinition


def get_role(catalogue: Catalogue, name: str) -> RoleDefinition:
    """Return the role of a name, an id or a display name.

    Raises:
        NotFound: There is none.
    """
    role = catalogue.find(name)
    if role is None:
        raise NotFound(
            f"there is no role {name!r}; see the roles with: deskhold role list",
            reason="ROLE_DEFINITION_NOT_FOUND",
            metadata={"role_definition": name},
        )
    return role


def list_roles(catalogue: Catalogue, page: Page) -> list[RoleDefinition]:
    """Return the roles of a page by display name, and one more when another page follows."""
    ordered = sorted(catalogue.roles, key=lambda role: role.display_name.lower())
    after = page.after
    return [role for role in ordered if after is None or role.display_name.lower() > after][
        : page.probe
    ]
