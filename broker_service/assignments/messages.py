"""Between assignments, what is planned and told of them, and their messages."""

from __future__ import annotations

from collections.abc import Sequence

from broker_service.assignments.moves import Moved
from broker_service.assignments.plan import Outcome, Plan, Verdict
from broker_service.assignments.usecases import Assigned
from broker_service.history.rules import Period
from broker_service.hosts.rules import Host
from broker_service.messages import timestamp
from deskhold.api.broker.v1 import assignments_pb2 as pb
from deskhold.api.broker.v1 import hosts_pb2

_OUTCOMES = {
    Outcome.ASSIGNED: pb.ROW_OUTCOME_ASSIGNED,
    Outcome.UNCHANGED: pb.ROW_OUTCOME_UNCHANGED,
    Outcome.REJECTED: pb.ROW_OUTCOME_REJECTED,
}


def assigned_of(assigned: Assigned) -> pb.SetAssignmentResponse:
    """Return what setting an assignment led to."""
    return pb.SetAssignmentResponse(
        assignment=_assignment(assigned.host), displaced=assignments_of(assigned.displaced)
    )


def removed_of(hosts: Sequence[Host]) -> pb.RemoveAssignmentResponse:
    """Return what ended, from the hosts as they were."""
    return pb.RemoveAssignmentResponse(removed=assignments_of(hosts))


def swapped_of(hosts: Sequence[Host]) -> pb.SwapAssignmentsResponse:
    """Return what a swap led to."""
    return pb.SwapAssignmentsResponse(assignments=assignments_of(hosts))


def moved_of(moved: Moved) -> pb.MoveAssignmentResponse:
    """Return what a move led to."""
    return pb.MoveAssignmentResponse(
        assignment=_assignment(moved.host),
        ended=None if moved.left is None else _assignment(moved.left),
    )


def reserved_of(host: Host) -> pb.ReserveHostResponse:
    """Return the reservation of a host."""
    return pb.ReserveHostResponse(host=host.name, reservation=_reservation(host))


def cancelled_of(host: Host) -> pb.CancelReservationResponse:
    """Return the reservation that ended, from the host as it was."""
    return pb.CancelReservationResponse(reservation=_reservation(host))


def released_of(hosts: Sequence[Host]) -> pb.ConfirmReleaseResponse:
    """Return which hosts were released."""
    return pb.ConfirmReleaseResponse(released_host_ids=[host.host_id for host in hosts])


def period_of(period: Period) -> pb.AssignmentPeriod:
    """Return a period of history."""
    message = pb.AssignmentPeriod(
        host_id=period.host_id,
        user=period.user,
        start_time=timestamp(period.start.time_us),
        start_cause=period.start.cause,
        started_by=period.start.actor,
        start_decision_id=period.start.decision_id,
        collection_uid=period.collection_uid,
    )
    if period.end is not None:
        message.end_time.CopyFrom(timestamp(period.end.time_us))
        message.end_cause = period.end.cause
        message.ended_by = period.end.actor
        message.end_decision_id = period.end.decision_id
    return message


def planned_of(plan: Plan) -> pb.ImportAssignmentsResponse:
    """Return the plan of an import."""
    return pb.ImportAssignmentsResponse(
        rows=[_verdict(verdict) for verdict in plan.verdicts],
        assigned_count=plan.count(Outcome.ASSIGNED),
        unchanged_count=plan.count(Outcome.UNCHANGED),
        rejected_count=plan.count(Outcome.REJECTED),
        removed=assignments_of(plan.remove),
    )


def assignments_of(hosts: Sequence[Host]) -> list[pb.Assignment]:
    """Return the assignments of hosts."""
    return [_assignment(host) for host in hosts]


def _verdict(verdict: Verdict) -> pb.RowVerdict:
    return pb.RowVerdict(
        line=verdict.row.line,
        host=verdict.row.host_id,
        user=verdict.row.user,
        outcome=_OUTCOMES[verdict.outcome],
        reason=verdict.reason,
        message=verdict.message,
    )


def _assignment(host: Host) -> pb.Assignment:
    message = pb.Assignment(name=f"{host.name}/assignment", host=host.name, etag=host.etag)
    if host.hold is not None:
        message.user = host.hold.user
        message.assigned_by = host.hold.assigned_by
        message.assign_time.CopyFrom(timestamp(host.hold.assigned_us))
    return message


def _reservation(host: Host) -> hosts_pb2.Reservation:
    message = hosts_pb2.Reservation()
    if host.reservation is not None:
        message.user = host.reservation.user
        message.expire_time.CopyFrom(timestamp(host.reservation.until_us))
        message.reserved_by = host.reservation.reserved_by
    return message
