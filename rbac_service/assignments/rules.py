"""What a role assignment is."""

from __future__ import annotations

import json
import uuid
from dataclasses import asdict, dataclass
from typing import Any

from deskhold.identities import Principal, PrincipalKind

# The namespace of derived ids, so that f(scope, principal, role) is the same in every deployment.
_NAMESPACE = uuid.UUID("7d7c6f1e-4f0c-5a58-9d0e-2f4b4f8f6c11")


@dataclass(frozen=True, slots=True)
class Delegation:
    """Limits what a holder may assign and take away by an assignment; all that are set hold.

    Attributes:
        role_ids: Only these roles, which the holder need not hold; empty: any that the holder
            holds.
        kinds: Only to principals of these kinds; empty: any.
        principal_keys: Only to these principals; empty: any.
        max_duration_us: Only assignments that end within this time; None: any.
    """

    role_ids: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()
    principal_keys: tuple[str, ...] = ()
    max_duration_us: int | None = None

    def encode(self) -> str:
        """Return it as it is stored and logged."""
        return json.dumps(asdict(self), sort_keys=True, separators=(",", ":"))

    @classmethod
    def decode(cls, text: str) -> Delegation:
        """Return what was stored."""
        stored = json.loads(text)
        return cls(
            tuple(stored["role_ids"]),
            tuple(stored["kinds"]),
            tuple(stored["principal_keys"]),
            stored["max_duration_us"],
        )


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
        start_us: From when it counts; None: at once.
        expire_us: Until when, exclusive; None: for ever.
        delegation: What the holder may hand out by it; None: what the holder holds.
    """

    id: str
    scope: str
    role_id: str
    principal: Principal
    principal_key: str
    created_us: int
    created_by: str
    revision: int
    start_us: int | None = None
    expire_us: int | None = None
    delegation: Delegation | None = None

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
            "delegation": None if self.delegation is None else self.delegation.encode(),
        }

    def counts_at(self, now_us: int) -> bool:
        """Say whether the assignment counts at a time."""
        return (self.start_us is None or self.start_us <= now_us) and (
            self.expire_us is None or now_us < self.expire_us
        )

    @property
    def terms(self) -> tuple[int | None, int | None, Delegation | None]:
        """What may differ between two assignments of one role to one principal at one scope."""
        return self.start_us, self.expire_us, self.delegation

    @property
    def is_permanent(self) -> bool:
        """Whether it counts from its creation on and for ever."""
        return self.start_us is None and self.expire_us is None

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
            start_us=row.start_us,
            expire_us=row.expire_us,
            delegation=Delegation.decode(row.delegation) if row.delegation else None,
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
