"""AssignmentService: message in, message out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from broker_service.assignments.imports import Transfers
from broker_service.assignments.plan import Outcome, Plan, Verdict
from broker_service.assignments.usecases import Assigned, Assignments
from broker_service.hosts.rules import Host
from broker_service.messages import author_of, timestamp
from deskhold.api.broker.v1 import assignments_pb2 as pb
from deskhold.api.broker.v1 import assignments_pb2_grpc
from deskhold.chassis.calls import current
from deskhold.chassis.paging import Pager
from deskhold.chassis.replay import Mutations

_OUTCOMES = {
    Outcome.ASSIGNED: pb.ROW_OUTCOME_ASSIGNED,
    Outcome.UNCHANGED: pb.ROW_OUTCOME_UNCHANGED,
    Outcome.REJECTED: pb.ROW_OUTCOME_REJECTED,
}


class AssignmentServicer(assignments_pb2_grpc.AssignmentServiceServicer):
    """Sets, removes, shows, imports and exports assignments.

    Args:
        assignments: The use cases of single assignments.
        transfers: The use cases of files.
        mutations: Runs their transactions.
        pager: Issues page tokens.
        clock_us: Microseconds since the epoch.
    """

    def __init__(
        self,
        assignments: Assignments,
        transfers: Transfers,
        *,
        mutations: Mutations,
        pager: Pager,
        clock_us: Callable[[], int],
    ) -> None:
        self._assignments = assignments
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
            author=author_of(call, self._clock_us()),
            commit=self._mutations.commit(call, request, pb.SetAssignmentResponse, _assigned),
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
            author=author_of(call, self._clock_us()),
            commit=self._mutations.commit(call, request, pb.RemoveAssignmentResponse, _removed),
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
        return pb.ListAssignmentsResponse(assignments=_messages(shown), next_page_token=token)

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
            commit=self._mutations.commit(call, request, pb.ImportAssignmentsResponse, _planned),
        )

    async def ExportAssignments(
        self, request: pb.ExportAssignmentsRequest, context: Any
    ) -> pb.ExportAssignmentsResponse:
        """Export a file."""
        exported = await self._transfers.export_file(request.parent)
        return pb.ExportAssignmentsResponse(content=exported.content, row_count=exported.row_count)


def _assigned(assigned: Assigned) -> pb.SetAssignmentResponse:
    return pb.SetAssignmentResponse(
        assignment=_message(assigned.host), displaced=_messages(assigned.displaced)
    )


def _removed(hosts: Sequence[Host]) -> pb.RemoveAssignmentResponse:
    return pb.RemoveAssignmentResponse(removed=_messages(hosts))


def _planned(plan: Plan) -> pb.ImportAssignmentsResponse:
    return pb.ImportAssignmentsResponse(
        rows=[_verdict(verdict) for verdict in plan.verdicts],
        assigned_count=plan.count(Outcome.ASSIGNED),
        unchanged_count=plan.count(Outcome.UNCHANGED),
        rejected_count=plan.count(Outcome.REJECTED),
        removed=_messages(plan.remove),
    )


def _verdict(verdict: Verdict) -> pb.RowVerdict:
    return pb.RowVerdict(
        line=verdict.row.line,
        host=verdict.row.host_id,
        user=verdict.row.user,
        outcome=_OUTCOMES[verdict.outcome],
        reason=verdict.reason,
        message=verdict.message,
    )


def _messages(hosts: Sequence[Host]) -> list[pb.Assignment]:
    return [_message(host) for host in hosts]


def _message(host: Host) -> pb.Assignment:
    message = pb.Assignment(name=f"{host.name}/assignment", host=host.name, etag=host.etag)
    if host.hold is not None:
        message.user = host.hold.user
        message.assigned_by = host.hold.assigned_by
        message.assign_time.CopyFrom(timestamp(host.hold.assigned_us))
    return message
