"""Principals on their way to the service."""

from __future__ import annotations

from deskhold.api.rbac.v1 import principals_pb2
from deskhold.identities import Principal, PrincipalKind


def message(principal: Principal) -> principals_pb2.Principal:
    """Return a principal as it travels."""
    return principals_pb2.Principal(
        kind=kind(principal.kind), id=principal.id, directory=principal.directory
    )


def kind(kind: PrincipalKind) -> principals_pb2.PrincipalKind.ValueType:
    """Return a kind of principal as it travels."""
    return principals_pb2.PrincipalKind.Value(f"PRINCIPAL_KIND_{kind.name}")


def optional(principal: Principal | None) -> principals_pb2.Principal | None:
    """Return a principal as it travels; None stays None: the caller, or everybody."""
    return None if principal is None else message(principal)
