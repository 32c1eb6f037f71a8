"""RegistrationService: message in, message out."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from broker_service.registration.rules import Mismatch, MismatchKind
from broker_service.registration.usecases import REPAIRED_AT_ONCE, ScopeComparison
from deskhold import names
from deskhold.api.broker.v1 import registration_pb2 as pb
from deskhold.api.broker.v1 import registration_pb2_grpc
from deskhold.chassis.calls import current

_KINDS = {
    MismatchKind.NOT_REGISTERED: pb.SCOPE_MISMATCH_KIND_NOT_REGISTERED,
    MismatchKind.ORPHANED: pb.SCOPE_MISMATCH_KIND_ORPHANED,
}


class RegistrationServicer(registration_pb2_grpc.RegistrationServiceServicer):
    """Compares this store with the authority's, and repairs.

    Args:
        comparison: The use cases.
    """

    def __init__(self, comparison: ScopeComparison) -> None:
        self._comparison = comparison

    async def CompareScopes(
        self, request: pb.CompareScopesRequest, context: Any
    ) -> pb.CompareScopesResponse:
        """Say where the two differ."""
        found = await self._comparison.compare(
            names.parse_scope(request.scope), seconds=current().remaining_seconds
        )
        return pb.CompareScopesResponse(
            mismatches=_messages(found.mismatches[:REPAIRED_AT_ONCE]),
            mismatch_count=len(found.mismatches),
            compared_count=found.compared_count,
        )

    async def RepairScopes(
        self, request: pb.RepairScopesRequest, context: Any
    ) -> pb.RepairScopesResponse:
        """Make the two agree."""
        repaired = await self._comparison.repair(
            names.parse_scope(request.scope),
            seconds=current().remaining_seconds,
            validate_only=request.validate_only,
        )
        return pb.RepairScopesResponse(repaired=_messages(repaired))


def _messages(mismatches: Iterable[Mismatch]) -> list[pb.ScopeMismatch]:
    return [pb.ScopeMismatch(scope=one.scope, kind=_KINDS[one.kind]) for one in mismatches]
