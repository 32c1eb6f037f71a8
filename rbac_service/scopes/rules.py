"""What a scope is and what it may lie under."""

from __future__ import annotations

from dataclasses import dataclass

from deskhold.errors import InvalidArgument
from deskhold.names import Kind, Name

# Diagnostics are no resources of their own: they come and go with whose they are.
_MADE_BY_HAND = frozenset({Kind.TENANT_GROUP, Kind.TENANT, Kind.COLLECTION, Kind.APP_GROUP})
_WITH_DIAGNOSTICS = frozenset({Kind.DEPLOYMENT, Kind.TENANT})


@dataclass(frozen=True, slots=True)
class Scope:
    """A registered scope.

    Attributes:
        path: `/tenantGroups/contoso`.
        display_name: For people.
        created_us: When it was registered.
        revision: The revision that registered it.
    """

    path: str
    display_name: str
    created_us: int
    revision: int

    @property
    def etag(self) -> str:
        """Opaque version of the content."""
        return f"r{self.revision}"


def check_creatable(name: Name) -> None:
    """Check that a scope is made by a call of its own.

    Raises:
        InvalidArgument: The deployment and diagnostics are not.
    """
    if name.kind not in _MADE_BY_HAND:
        raise InvalidArgument.of_field(
            "scope.name",
            f"'{name.scope}' is made by itself;"
            " create a tenant group, tenant, collection or app group",
        )


def diagnostics_of(name: Name) -> str | None:
    """Return the path of the diagnostics that come with a scope, if any do."""
    if name.kind not in _WITH_DIAGNOSTICS:
        return None
    return f"{name.scope.rstrip('/')}/diagnostics"


def write_action(kind: Kind, verb: str) -> str:
    """Return the action that making (`write`) or removing (`delete`) a scope of a kind needs.

    Tenant groups and tenants are resources that people manage here; the others are registered by
    the services that own them, and only those may.
    """
    if kind is Kind.TENANT_GROUP:
        return f"deskhold.resources/tenantGroups/{verb}"
    if kind is Kind.TENANT:
        return f"deskhold.resources/tenants/{verb}"
    return f"deskhold.authorization/scopes/{verb}"
