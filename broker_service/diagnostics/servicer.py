"""DiagnosticsService: message in, message out."""

from __future__ import annotations

from typing import Any

from broker_service.diagnostics.rules import Activity, ActivityFilter, ActivityKind, Outcome
from broker_service.diagnostics.usecases import Diagnostics
from broker_service.messages import timestamp
from deskhold import names
from deskhold.api.broker.v1 import diagnostics_pb2 as pb
from deskhold.api.broker.v1 import diagnostics_pb2_grpc
from deskhold.chassis.calls import current
from deskhold.chassis.paging import Pager
from deskhold.identities import Domains
from deskhold.names import Kind, fold_id

_KINDS = {
    pb.ACTIVITY_KIND_MANAGEMENT: ActivityKind.MANAGEMENT,
    pb.ACTIVITY_KIND_CONNECTION: ActivityKind.CONNECTION,
    pb.ACTIVITY_KIND_REGISTRATION: ActivityKind.REGISTRATION,
}
_OUTCOMES = {
    pb.ACTIVITY_OUTCOME_SUCCEEDED: Outcome.SUCCEEDED,
    pb.ACTIVITY_OUTCOME_DENIED: Outcome.DENIED,
    pb.ACTIVITY_OUTCOME_REFUSED: Outcome.REFUSED,
    pb.ACTIVITY_OUTCOME_FAILED: Outcome.FAILED,
}
_KIND_NUMBERS = {kind: number for number, kind in _KINDS.items()}
_OUTCOME_NUMBERS = {outcome: number for number, outcome in _OUTCOMES.items()}


class DiagnosticsServicer(diagnostics_pb2_grpc.DiagnosticsServiceServicer):
    """Shows activities.

    Args:
        diagnostics: The use cases.
        pager: Issues page tokens.
        domains: The deployment's domains.
    """

    def __init__(self, diagnostics: Diagnostics, pager: Pager, domains: Domains) -> None:
        self._diagnostics = diagnostics
        self._pager = pager
        self._domains = domains

    async def ListActivities(
        self, request: pb.ListActivitiesRequest, context: Any
    ) -> pb.ListActivitiesResponse:
        """Return a page of activities."""
        caller = current().authenticated
        page = self._pager.open(request, caller.key)
        rows = await self._diagnostics.list_page(self._wanted(request), page)
        shown, token = self._pager.close(request, caller.key, page, rows, lambda row: str(row.id))
        return pb.ListActivitiesResponse(
            activities=[_message(row, request.parent) for row in shown],
            next_page_token=token,
            dropped_count=self._diagnostics.dropped_count,
        )

    def _wanted(self, request: pb.ListActivitiesRequest) -> ActivityFilter:
        parent = names.parse(
            request.parent, Kind.DIAGNOSTICS, Kind.TENANT_DIAGNOSTICS, field="parent"
        )
        collection = tenant = None
        if request.collection:
            found = names.parse(request.collection, Kind.COLLECTION, field="collection")
            # The tenant besides: activities are found by it, and a collection is in one only.
            collection, tenant = found.text, found.parent.text
        if parent.kind is Kind.TENANT_DIAGNOSTICS:
            tenant = parent.parent.text
        user = request.user
        return ActivityFilter(
            tenant=tenant,
            user_key=self._domains.user_key(user, field="user") if user else None,
            collection=collection,
            host_key=fold_id(request.host_id) or None,
            kind=_KINDS.get(request.kind),
            outcome=_OUTCOMES.get(request.outcome),
            start_us=_time(request, "start_time"),
            end_us=_time(request, "end_time"),
            request_id=request.request_id or None,
        )


def _time(request: pb.ListActivitiesRequest, field: Any) -> int | None:
    return int(getattr(request, field).ToMicroseconds()) if request.HasField(field) else None


def _message(activity: Activity, parent: str) -> pb.Activity:
    message = pb.Activity(
        name=f"{parent}/activities/{activity.id}",
        kind=_KIND_NUMBERS[activity.kind],
        method=activity.method,
        actor=activity.actor,
        user=activity.user,
        collection=activity.place.collection,
        host_id=activity.place.host_key,
        outcome=_OUTCOME_NUMBERS[activity.outcome],
        code=activity.code,
        reason=activity.reason,
        action=activity.action,
        scope=activity.scope,
        decision_id=activity.decision_id,
        revision=activity.revision,
        role_assignment=activity.role_assignment,
        request_id=activity.request_id,
        start_time=timestamp(activity.started_us),
    )
    message.duration.FromMicroseconds(activity.duration_us)
    return message
