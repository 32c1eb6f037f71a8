"""What a role assignment is."""

from __future__ import annotations

import uuid
from dataclasses import asdict, dataclass
from typing import Any

from deskhold.identities import Principal, PrincipalKind

# The namespace of derived ids, so that f(scope, principal, role) is the same in every deployment.
_NAMESPACE = uuid.UUID("7d7c6f1e-4f0c-5a58-9d0e-2f4b4f8f6c11")


@dataclass(frozen=True, slots=True)
class RoleAssignment:
    """One principal's hold on one role at one scope, and at all scopes below it.

    Attributes:
        id: A UUID.
        scope: Where.
        role_id: Which role.
        principal: Who, as given.
        principal_key: Who, as compared.
        created_us: When it was assigned.
        created_by: By whom, as a key.
        revision: The revision that assigned it.
    """

    id: str
    scope: str
    role_id: str
    principal: Principal
    principal_key: str
    created_us: int
    created_by: str
    revision: int

    @property
    def name(self) -> str:
        """Its resource name: the scope without its slash, then `roleAssignments/{id}`."""
        return f"{self.scope}/roleAssignments/{self.id}".lstrip("/")

    @property
    def etag(self) -> str:
        """Opaque version of the content."""
        return f"r{self.revision}"

    @property
    def row(self) -> dict[str, Any]:
        """The row as it is stored and logged."""
        row = asdict(self)
        del row["principal"]
        return row | {
            "principal_kind": self.principal.kind.value,
            "principal_id": self.principal.id,
            "directory": self.principal.directory,
        }

    @classmethod
    def of_row(cls, row: Any) -> RoleAssignment:
        """Return the assignment of a stored row."""
        principal = Principal(PrincipalKind(row.principal_kind), row.principal_id, row.directory)
        return cls(
            id=row.id,
            scope=row.scope,
            role_id=row.role_id,
            principal=principal,
            principal_key=row.principal_key,
            created_us=row.created_us,
            created_by=row.created_by,
            revision=row.revision,
        )


def derived_id(scope: str, principal_key: str, role_id: str) -> str:
    """Return the id of an assignment that was given none: the same content, the same id."""
    return str(uuid.uuid5(_NAMESPACE, f"{scope}\0{principal_key}\0{role_id}"))


def split_name(name: str) -> tuple[str, str]:
    """Return scope and id of a role assignment's resource name; both empty when it is none."""
    scope, separator, assignment_id = ("/" + name).rpartition("/roleAssignments/")
    if not separator or "/" in assignment_id or not assignment_id or name.startswith("/"):
        return "", ""
    return scope or "/", assignment_id.lower()
