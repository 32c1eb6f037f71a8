"""Assignments."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from deskhold.api.broker.v1 import assignments_pb2
from deskhold.client.calls import PAGE_SIZE, Call, Listing, new_request_id

# Thousands of rows, each checked and written before the answer.
_IMPORT_TIMEOUT_SECONDS = 120.0


def set_assignment(
    parent: str,
    *,
    user: str,
    host_id: str,
    force: bool = False,
    etag: str = "",
    request_id: str | None = None,
    validate_only: bool = False,
) -> Call[assignments_pb2.SetAssignmentResponse]:
    """Assign a host of a personal collection to a user; with force, end what stands in the way.

    Raises:
        NotFound: There is no such collection or host.
        FailedPrecondition: The collection is pooled, another user holds the host or it is reserved
            for one, it is in quarantine, or the user is at the limit.
        Aborted: The host is another version than the etag says.
    """
    request = assignments_pb2.SetAssignmentRequest(
        parent=parent,
        user=user,
        host_id=host_id,
        force=force,
        etag=etag,
        request_id=request_id or new_request_id(),
        validate_only=validate_only,
    )
    return Call(request, assignments_pb2.SetAssignmentResponse)


def remove_assignment(
    parent: str,
    *,
    user: str = "",
    host_id: str = "",
    etag: str = "",
    request_id: str | None = None,
    validate_only: bool = False,
) -> Call[assignments_pb2.RemoveAssignmentResponse]:
    """End what a user holds in a collection, or what holds a host; give exactly one of them.

    Raises:
        InvalidArgument: Both or neither is given, or an etag without a host.
        NotFound: There is no such collection, host or assignment.
        FailedPrecondition: The collection is pooled.
        Aborted: The host is another version than the etag says.
    """
    request = assignments_pb2.RemoveAssignmentRequest(
        parent=parent,
        user=user,
        host_id=host_id,
        etag=etag,
        request_id=request_id or new_request_id(),
        validate_only=validate_only,
    )
    return Call(request, assignments_pb2.RemoveAssignmentResponse)


def list_assignments(
    parent: str, *, user: str = "", host_id: str = "", page_size: int = PAGE_SIZE
) -> Listing[assignments_pb2.Assignment]:
    """Iterate over the assignments of a collection, by host; of one user or one host if given."""
    request = assignments_pb2.ListAssignmentsRequest(
        parent=parent, user=user, host_id=host_id, page_size=page_size
    )
    return Listing(
        Call(request, assignments_pb2.ListAssignmentsResponse), lambda page: page.assignments
    )


def swap_assignments(
    parent: str,
    host_id: str,
    other_host_id: str,
    *,
    etag: str = "",
    other_etag: str = "",
    request_id: str | None = None,
    validate_only: bool = False,
) -> Call[assignments_pb2.SwapAssignmentsResponse]:
    """Exchange the users of two hosts of a collection, as one.

    Raises:
        InvalidArgument: Both are the same host.
        NotFound: There is no such collection or host, or nobody holds one of them.
        FailedPrecondition: The collection is pooled.
        Aborted: A host is another version than its etag says.
    """
    request = assignments_pb2.SwapAssignmentsRequest(
        parent=parent,
        host_id=host_id,
        other_host_id=other_host_id,
        etag=etag,
        other_etag=other_etag,
        request_id=request_id or new_request_id(),
        validate_only=validate_only,
    )
    return Call(request, assignments_pb2.SwapAssignmentsResponse)


def move_assignment(
    parent: str,
    *,
    host_id: str,
    destination_host_id: str,
    user: str = "",
    etag: str = "",
    request_id: str | None = None,
    validate_only: bool = False,
) -> Call[assignments_pb2.MoveAssignmentResponse]:
    """Move whoever holds a host, or the user who is named, to another host, as one.

    Raises:
        NotFound: There is no such collection or host, or the user does not hold it.
        FailedPrecondition: The collection is pooled; or the other host is held, reserved for
            somebody else, or in quarantine.
        Aborted: The host that is left is another version than the etag says.
    """
    request = assignments_pb2.MoveAssignmentRequest(
        parent=parent,
        host_id=host_id,
        destination_host_id=destination_host_id,
        user=user,
        etag=etag,
        request_id=request_id or new_request_id(),
        validate_only=validate_only,
    )
    return Call(request, assignments_pb2.MoveAssignmentResponse)


def reserve_host(
    parent: str,
    *,
    host_id: str,
    user: str,
    until: datetime,
    request_id: str | None = None,
    validate_only: bool = False,
) -> Call[assignments_pb2.ReserveHostResponse]:
    """Keep a free host for a user until a time, at most 365 days away.

    Args:
        parent: The collection.
        host_id: The host.
        user: For whom.
        until: Until when; in UTC when it has no time zone.
        request_id: A UUID; made when not given.
        validate_only: Change nothing.

    Raises:
        InvalidArgument: The time has passed or is too far away.
        NotFound: There is no such collection or host.
        FailedPrecondition: The collection is pooled; or the host is held, reserved for somebody
            else, or in quarantine.
    """
    request = assignments_pb2.ReserveHostRequest(
        parent=parent,
        host_id=host_id,
        user=user,
        request_id=request_id or new_request_id(),
        validate_only=validate_only,
    )
    request.expire_time.FromDatetime(until)
    return Call(request, assignments_pb2.ReserveHostResponse)


def cancel_reservation(
    parent: str, *, host_id: str, request_id: str | None = None, validate_only: bool = False
) -> Call[assignments_pb2.CancelReservationResponse]:
    """End a reservation before its time.

    Raises:
        NotFound: There is no such collection or host, or it is reserved for nobody.
        FailedPrecondition: The collection is pooled.
    """
    request = assignments_pb2.CancelReservationRequest(
        parent=parent,
        host_id=host_id,
        request_id=request_id or new_request_id(),
        validate_only=validate_only,
    )
    return Call(request, assignments_pb2.CancelReservationResponse)


def confirm_release(
    parent: str,
    host_ids: Iterable[str],
    *,
    force: bool = False,
    request_id: str | None = None,
    validate_only: bool = False,
) -> Call[assignments_pb2.ConfirmReleaseResponse]:
    """Confirm that hosts in quarantine are clean, all or nothing; others stay as they are.

    Raises:
        NotFound: There is no such collection or host.
        FailedPrecondition: The collection is pooled; or somebody is still administrator on a host
            as its agent reports, and force was not given.
    """
    request = assignments_pb2.ConfirmReleaseRequest(
        parent=parent,
        host_ids=host_ids,
        force=force,
        request_id=request_id or new_request_id(),
        validate_only=validate_only,
    )
    return Call(request, assignments_pb2.ConfirmReleaseResponse)


def list_assignment_periods(
    parent: str,
    *,
    user: str = "",
    host_id: str = "",
    at: datetime | None = None,
    page_size: int = PAGE_SIZE,
) -> Listing[assignments_pb2.AssignmentPeriod]:
    """Iterate over who had which host of a collection from when to when, the newest first.

    Args:
        parent: The collection, which may be gone.
        user: Only of this user.
        host_id: Only of this host, which may be gone.
        at: Only what was so at this time, in UTC when it has no time zone.
        page_size: How many are fetched at once.
    """
    request = assignments_pb2.ListAssignmentPeriodsRequest(
        parent=parent, user=user, host_id=host_id, page_size=page_size
    )
    if at is not None:
        request.at_time.FromDatetime(at)
    return Listing(
        Call(request, assignments_pb2.ListAssignmentPeriodsResponse), lambda page: page.periods
    )


def import_assignments(
    parent: str,
    content: bytes,
    *,
    replace: bool = False,
    validate_only: bool = False,
    request_id: str | None = None,
) -> Call[assignments_pb2.ImportAssignmentsResponse]:
    """Import the bytes of a file of assignments, all or nothing; see the proto for its forms.

    With validate_only nothing is written and every row has its verdict, rejected ones too.

    Raises:
        InvalidArgument: A row cannot be applied (IMPORT_REJECTED).
        NotFound: There is no such collection.
        FailedPrecondition: The collection is pooled.
    """
    request = assignments_pb2.ImportAssignmentsRequest(
        parent=parent,
        content=content,
        replace=replace,
        validate_only=validate_only,
        request_id=request_id or new_request_id(),
    )
    return Call(request, assignments_pb2.ImportAssignmentsResponse, _IMPORT_TIMEOUT_SECONDS)


def export_assignments(parent: str) -> Call[assignments_pb2.ExportAssignmentsResponse]:
    """Return the assignments of a collection as a CSV file that `import_assignments` reads.

    Raises:
        NotFound: There is no such collection.
        FailedPrecondition: The collection is pooled.
    """
    request = assignments_pb2.ExportAssignmentsRequest(parent=parent)
    return Call(request, assignments_pb2.ExportAssignmentsResponse, _IMPORT_TIMEOUT_SECONDS)
