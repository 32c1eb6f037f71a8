"""The scopes of collections and app groups: whether they are in step."""

from __future__ import annotations

from deskhold.api.broker.v1 import registration_pb2 as pb
from deskhold.client.calls import Call

# Whole deployments are compared.
_TIMEOUT_SECONDS = 120.0


def compare_scopes(scope: str = "/") -> Call[pb.CompareScopesResponse]:
    """Say where the broker and the authority differ.

    Args:
        scope: The deployment, or a tenant's scope.

    Raises:
        InvalidArgument: It is neither.
        Unavailable: The authority does not answer.
    """
    request = pb.CompareScopesRequest(scope=scope)
    return Call(request, pb.CompareScopesResponse, _TIMEOUT_SECONDS)


def repair_scopes(
    scope: str = "/", *, validate_only: bool = False
) -> Call[pb.RepairScopesResponse]:
    """Make the two agree; return what was different, at most 1,000 scopes.

    What nothing stands for is removed at the authority, with all role assignments there.

    Raises:
        InvalidArgument: The scope is neither the deployment's nor a tenant's.
        FailedPrecondition: The scope of a tenant itself is not registered.
        Unavailable: The authority does not answer.
    """
    request = pb.RepairScopesRequest(scope=scope, validate_only=validate_only)
    return Call(request, pb.RepairScopesResponse, _TIMEOUT_SECONDS)
