"""What was done, by whom, with which outcome."""

from __future__ import annotations

from datetime import datetime

from deskhold.api.broker.v1 import diagnostics_pb2 as pb
from deskhold.client.calls import PAGE_SIZE, Call, Listing


def list_activities(
    parent: str,
    *,
    user: str = "",
    collection: str = "",
    host_id: str = "",
    kind: str = "",
    outcome: str = "",
    start_time: datetime | None = None,
    end_time: datetime | None = None,
    request_id: str = "",
    page_size: int = PAGE_SIZE,
) -> Listing[pb.Activity]:
    """Iterate over activities, newest first; those that fit everything that is given.

    Args:
        parent: `diagnostics`, for the deployment and all tenants; or
            `tenantGroups/{tenant_group}/tenants/{tenant}/diagnostics`.
        user: Only those by or for this user.
        collection: Only those in this collection: its full name.
        host_id: Only those on this host.
        kind: Only of this kind: `management`, `connection` or `registration`.
        outcome: Only with this outcome: `succeeded`, `denied`, `refused` or `failed`.
        start_time: Only those that began at this time or later, with its time zone.
        end_time: Only those that began before this time.
        request_id: Only that of this request id, as errors name it.
        page_size: How many a call reads.

    Raises:
        PermissionDenied: The caller may not read the diagnostics.
        InvalidArgument: The time range ends before it begins.
        ValueError: There is no such kind or outcome.
    """
    request = pb.ListActivitiesRequest(
        parent=parent,
        page_size=page_size,
        user=user,
        collection=collection,
        host_id=host_id,
        request_id=request_id,
    )
    if kind:
        request.kind = pb.ActivityKind.Value(f"ACTIVITY_KIND_{kind.upper()}")
    if outcome:
        request.outcome = pb.ActivityOutcome.Value(f"ACTIVITY_OUTCOME_{outcome.upper()}")
    if start_time is not None:
        request.start_time.FromDatetime(start_time)
    if end_time is not None:
        request.end_time.FromDatetime(end_time)
    return Listing(Call(request, pb.ListActivitiesResponse), lambda page: page.activities)
