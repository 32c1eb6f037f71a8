"""AssignmentService: message in, message out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from broker_service.assignments.imports import Transfers
from broker_service.assignments.messages import (
    assigned_of,
    assignments_of,
    cancelled_of,
    moved_of,
    period_of,
    planned_of,
    released_of,
    removed_of,
    reserved_of,
    swapped_of,
)
from broker_service.assignments.moves import Moves
from broker_service.assignments.reservations import Reservations
from broker_service.assignments.usecases import Assignments
from broker_service.history.usecases import Periods
from broker_service.messages import author_of, microseconds
from deskhold.api.broker.v1 import assignments_pb2 as pb
from deskhold.api.broker.v1 import assignments_pb2_grpc
from deskhold.chassis.calls import current
from deskhold.chassis.db.idempotency import Mutations
from deskhold.chassis.paging import Pager


class AssignmentServicer(assignments_pb2_grpc.AssignmentServiceServicer):
    """Sets, moves, removes, shows, imports and exports assignments; keeps hosts for users.

    Args:
        assignments: The use cases of single assignments.
        moves: The use cases of swapping and moving.
        reservations: The use cases of reservations and quarantine.
        periods: The use cases of history.
        transfers: The use cases of files.
        mutations: Runs their transactions.
        pager: Issues page tokens.
        clock_us: Microseconds since the epoch.
    """

    def __init__(
        self,
        assignments: Assignments,
        *,
        moves: Moves,
        reservations: Reservations,
        periods: Periods,
        transfers: Transfers,
        mutations: Mutations,
        pager: Pager,
        clock_us: Callable[[], int],
    ) -> None:
        self._assignments = assignments
        self._moves = moves
        self._reservations = reservations
        self._periods = periods
        self._transfers = transfers
        self._mutations = mutations
        self._pager = pager
        self._clock_us = clock_us

    async def SetAssignment(
        self, request: pb.SetAssignmentRequest, context: Any
    ) -> pb.SetAssignmentResponse:
        """Assign a host to a user."""
        call = current()
        return await self._assignments.set(
            request.parent,
            user=request.user,
            host_id=request.host_id,
            force=request.force,
            etag=request.etag,
            author=author_of(call, self._clock_us()),
            commit=self._mutations.commit(call, request, pb.SetAssignmentResponse, assigned_of),
        )

    async def RemoveAssignment(
        self, request: pb.RemoveAssignmentRequest, context: Any
    ) -> pb.RemoveAssignmentResponse:
        """End assignments."""
        call = current()
        return await self._assignments.remove(
            request.parent,
            user=request.user,
            host_id=request.host_id,
            etag=request.etag,
            author=author_of(call, self._clock_us()),
            commit=self._mutations.commit(call, request, pb.RemoveAssignmentResponse, removed_of),
        )

    async def ListAssignments(
        self, request: pb.ListAssignmentsRequest, context: Any
    ) -> pb.ListAssignmentsResponse:
        """Return a page of assignments."""
        caller = current().authenticated
        page = self._pager.open(request, caller.key)
        rows = await self._assignments.list_page(
            request.parent, user=request.user, host_id=request.host_id, page=page
        )
        shown, token = self._pager.close(request, caller.key, page, rows, lambda host: host.key)
        return pb.ListAssignmentsResponse(assignments=assignments_of(shown), next_page_token=token)

    async def SwapAssignments(
        self, request: pb.SwapAssignmentsRequest, context: Any
    ) -> pb.SwapAssignmentsResponse:
        """Exchange the users of two hosts."""
        call = current()
        return await self._moves.swap(
            request.parent,
            host_id=request.host_id,
            other_host_id=request.other_host_id,
            etag=request.etag,
            other_etag=request.other_etag,
            author=author_of(call, self._clock_us()),
            commit=self._mutations.commit(call, request, pb.SwapAssignmentsResponse, swapped_of),
        )

    async def MoveAssignment(
        self, request: pb.MoveAssignmentRequest, context: Any
    ) -> pb.MoveAssignmentResponse:
        """Move a user to another host."""
        call = current()
        return await self._moves.move(
            request.parent,
            host_id=request.host_id,
            destination_host_id=request.destination_host_id,
            user=request.user,
            etag=request.etag,
            author=author_of(call, self._clock_us()),
            commit=self._mutations.commit(call, request, pb.MoveAssignmentResponse, moved_of),
        )

    async def ReserveHost(
        self, request: pb.ReserveHostRequest, context: Any
    ) -> pb.ReserveHostResponse:
        """Keep a host for a user."""
        call = current()
        return await self._reservations.reserve(
            request.parent,
            host_id=request.host_id,
            user=request.user,
            until_us=microseconds(request.expire_time, field="expire_time"),
            author=author_of(call, self._clock_us()),
            commit=self._mutations.commit(call, request, pb.ReserveHostResponse, reserved_of),
        )

    async def CancelReservation(
        self, request: pb.CancelReservationRequest, context: Any
    ) -> pb.CancelReservationResponse:
        """End a reservation."""
        call = current()
        return await self._reservations.cancel(
            request.parent,
            host_id=request.host_id,
            author=author_of(call, self._clock_us()),
            commit=self._mutations.commit(
                call, request, pb.CancelReservationResponse, cancelled_of
            ),
        )

    async def ConfirmRelease(
        self, request: pb.ConfirmReleaseRequest, context: Any
    ) -> pb.ConfirmReleaseResponse:
        """End the quarantine of hosts."""
        call = current()
        return await self._reservations.confirm_release(
            request.parent,
            request.host_ids,
            force=request.force,
            author=author_of(call, self._clock_us()),
            commit=self._mutations.commit(call, request, pb.ConfirmReleaseResponse, released_of),
        )

    async def ListAssignmentPeriods(
        self, request: pb.ListAssignmentPeriodsRequest, context: Any
    ) -> pb.ListAssignmentPeriodsResponse:
        """Return a page of periods."""
        caller = current().authenticated
        page = self._pager.open(request, caller.key)
        at_us = None
        if request.HasField("at_time"):
            at_us = microseconds(request.at_time, field="at_time")
        rows = await self._periods.list_page(
            request.parent, user=request.user, host_id=request.host_id, at_us=at_us, page=page
        )
        shown, token = self._pager.close(
            request, caller.key, page, rows, lambda period: str(period.id)
        )
        return pb.ListAssignmentPeriodsResponse(
            periods=map(period_of, shown), next_page_token=token
        )

    async def ImportAssignments(
        self, request: pb.ImportAssignmentsRequest, context: Any
    ) -> pb.ImportAssignmentsResponse:
        """Import a file."""
        call = current()
        return await self._transfers.import_file(
            request.parent,
            request.content,
            replace=request.replace,
            validate_only=request.validate_only,
            author=author_of(call, self._clock_us()),
            commit=self._mutations.commit(call, request, pb.ImportAssignmentsResponse, planned_of),
        )

    async def ExportAssignments(
        self, request: pb.ExportAssignmentsRequest, context: Any
    ) -> pb.ExportAssignmentsResponse:
        """Export a file."""
        exported = await self._transfers.export_file(request.parent)
        return pb.ExportAssignmentsResponse(content=exported.content, row_count=exported.row_count)
