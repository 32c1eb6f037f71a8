"""The tree of scopes."""

from __future__ import annotations

from google.protobuf.empty_pb2 import Empty

from deskhold.api.rbac.v1 import scopes_pb2 as pb
from deskhold.client.calls import PAGE_SIZE, Call, Listing, new_request_id


def create_scope(
    name: str, *, display_name: str = "", request_id: str | None = None
) -> Call[pb.Scope]:
    """Register a scope: a tenant group, or a tenant in one. Safe to repeat.

    Raises:
        FailedPrecondition: Its parent is not registered.
        AlreadyExists: It is there with another display name.
    """
    request = pb.CreateScopeRequest(
        scope=pb.Scope(name=name, display_name=display_name),
        request_id=request_id or new_request_id(),
    )
    return Call(request, pb.Scope)


def get_scope(name: str) -> Call[pb.Scope]:
    """Return one scope.

    Raises:
        NotFound: It is not registered.
    """
    return Call(pb.GetScopeRequest(name=name), pb.Scope)


def list_scopes(parent: str, *, page_size: int = PAGE_SIZE) -> Listing[pb.Scope]:
    """Iterate over the scopes below one, at any depth, by name."""
    request = pb.ListScopesRequest(parent=parent, page_size=page_size)
    return Listing(Call(request, pb.ListScopesResponse), lambda page: page.scopes)


def delete_scope(
    name: str, *, force: bool = False, request_id: str | None = None, validate_only: bool = False
) -> Call[Empty]:
    """Remove a scope with the role assignments there; with force, everything below it too.

    Raises:
        NotFound: It is not registered.
        FailedPrecondition: Others lie below it, and force is not set.
    """
    request = pb.DeleteScopeRequest(
        name=name,
        force=force,
        request_id=request_id or new_request_id(),
        validate_only=validate_only,
    )
    return Call(request, Empty)
