"""The policy as one document."""

from __future__ import annotations

from deskhold.api.rbac.v1 import policies_pb2 as pb
from deskhold.client.calls import Call, new_request_id

# A hundred thousand role assignments, each checked and written before the answer.
_TIMEOUT_SECONDS = 120.0


def export_policy(scope: str = "/") -> Call[pb.Policy]:
    """Return the policy at a scope and below it; at `/` custom roles and groups too."""
    return Call(pb.ExportPolicyRequest(scope=scope), pb.Policy, _TIMEOUT_SECONDS)


def import_policy(
    policy: pb.Policy,
    *,
    scope: str = "/",
    replace: bool = False,
    request_id: str | None = None,
    validate_only: bool = False,
) -> Call[pb.ImportPolicyResponse]:
    """Make the policy at a scope and below it what the document says, all or nothing.

    Args:
        policy: The document.
        scope: Where; every role assignment of the document is there or below.
        replace: Remove what the document does not hold; otherwise only add and change.
        request_id: See `deskhold.client.rbac`.
        validate_only: Change nothing, return what would change.

    Raises:
        DeskholdError: As the calls that make the single changes.
    """
    request = pb.ImportPolicyRequest(
        scope=scope,
        policy=policy,
        replace=replace,
        request_id=request_id or new_request_id(),
        validate_only=validate_only,
    )
    return Call(request, pb.ImportPolicyResponse, _TIMEOUT_SECONDS)
