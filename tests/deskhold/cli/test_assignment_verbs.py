"""assignment swap, move, reserve, confirm-release, history: what they send and what they print."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from deskhold import errors
from deskhold.api.broker.v1.assignments_pb2 import (
    Assignment,
    AssignmentPeriod,
    CancelReservationResponse,
    ConfirmReleaseResponse,
    ListAssignmentPeriodsResponse,
    MoveAssignmentResponse,
    RemoveAssignmentResponse,
    ReserveHostResponse,
    SetAssignmentResponse,
    SwapAssignmentsResponse,
)
from deskhold.api.broker.v1.hosts_pb2 import Reservation
from tests.deskhold.cli.conftest import Run
from tests.deskhold.stub_service import StubService

ENG = "tenantGroups/default/tenants/default/collections/eng"
ALICE = Assignment(
    name=f"{ENG}/hosts/pc-2/assignment", user="CONTOSO\\alice", host=f"{ENG}/hosts/pc-2"
)
BOB = Assignment(name=f"{ENG}/hosts/pc-1/assignment", user="b@c.d", host=f"{ENG}/hosts/pc-1")
NOON = Timestamp(seconds=int(datetime(2026, 3, 1, 12, tzinfo=UTC).timestamp()))


def test_users_are_swapped_and_both_assignments_shown(run: Run, service: StubService) -> None:
    service.answers["SwapAssignments"] = SwapAssignmentsResponse(assignments=[BOB, ALICE])

    words = ("assignment", "swap", "--collection", "eng", "pc-1", "pc-2")
    done = run(*words, "--etag", "a", "--other-etag", "b")

    (request,) = service.requests("SwapAssignments")
    assert (request.parent, request.host_id, request.other_host_id) == (ENG, "pc-1", "pc-2")
    assert (request.etag, request.other_etag) == ("a", "b")
    assert [line.split()[:2] for line in done.stdout.splitlines()[1:]] == [
        ["pc-1", "b@c.d"],
        ["pc-2", "CONTOSO\\alice"],
    ]


def test_a_user_is_moved_and_what_ended_is_shown(run: Run, service: StubService) -> None:
    was = Assignment(user="CONTOSO\\alice", host=f"{ENG}/hosts/pc-1")
    service.answers["MoveAssignment"] = MoveAssignmentResponse(assignment=ALICE, ended=was)
    words = ("assignment", "move", "--collection", "eng", "--host", "pc-1", "--to", "pc-2")

    done = run(*words, "--user", "CONTOSO\\alice", "--etag", "a")

    (request,) = service.requests("MoveAssignment")
    assert (request.host_id, request.destination_host_id) == ("pc-1", "pc-2")
    assert (request.user, request.etag) == ("CONTOSO\\alice", "a")
    assert "ENDED:  CONTOSO\\alice on pc-1" in done.stdout


def test_a_move_that_changed_nothing_shows_no_end(run: Run, service: StubService) -> None:
    service.answers["MoveAssignment"] = MoveAssignmentResponse(assignment=ALICE)
    words = ("assignment", "move", "--collection", "eng", "--host", "pc-1", "--to", "pc-2")

    assert "ENDED:\n" in run(*words).stdout
    assert run(*words, "-o", "name").stdout == f"{ALICE.name}\n"


def test_a_host_is_reserved_until_a_time(run: Run, service: StubService) -> None:
    kept = Reservation(user="CONTOSO\\alice", expire_time=NOON, reserved_by="user:a@b.c")
    service.answers["ReserveHost"] = ReserveHostResponse(host=f"{ENG}/hosts/pc-1", reservation=kept)
    words = ("assignment", "reserve", "--collection", "eng", "--host", "pc-1", "--user", "a@b.c")

    done = run(*words, "--until", "2026-03-01T13:00+01:00")

    (request,) = service.requests("ReserveHost")
    assert (request.host_id, request.user, request.expire_time) == ("pc-1", "a@b.c", NOON)
    assert "UNTIL:  2026-03-01T12:00:00Z" in done.stdout
    assert run(*words, "--until", "soon").exit_code == 2


def test_a_cancelled_reservation_is_shown(run: Run, service: StubService) -> None:
    kept = Reservation(user="CONTOSO\\alice", expire_time=NOON)
    service.answers["CancelReservation"] = CancelReservationResponse(reservation=kept)

    done = run(
        *("assignment", "cancel-reservation", "--collection", "eng", "--host", "pc-1"),
        *("--force", "-o", "json"),
    )

    shown = json.loads(done.stdout)
    assert shown["host"] == f"{ENG}/hosts/pc-1"
    assert shown["reservation"]["user"] == "CONTOSO\\alice"


@pytest.mark.parametrize("force", [True, False])
def test_releases_are_confirmed_and_the_released_hosts_printed(
    run: Run, service: StubService, force: bool
) -> None:
    service.answers["ConfirmRelease"] = ConfirmReleaseResponse(released_host_ids=["pc-2"])
    words = ("assignment", "confirm-release", "--collection", "eng", "pc-1", "pc-2", "-o", "name")

    done = run(*words, *(["--force"] if force else []))

    (request,) = service.requests("ConfirmRelease")
    assert (list(request.host_ids), request.force) == (["pc-1", "pc-2"], force)
    assert done.stdout == "pc-2\n"


def test_releasing_a_host_with_rights_on_it_is_exit_code_1(run: Run, service: StubService) -> None:
    service.answers["ConfirmRelease"] = errors.FailedPrecondition(
        "still there", reason="RIGHTS_NOT_REMOVED"
    )

    done = run("assignment", "confirm-release", "--collection", "eng", "pc-1")

    assert done.exit_code == 1
    assert "RIGHTS_NOT_REMOVED" in done.stderr


def test_history_is_asked_for_by_user_host_and_time(run: Run, service: StubService) -> None:
    period = AssignmentPeriod(
        host_id="pc-1", user="b@c.d", start_time=NOON, start_cause="SET", started_by="user:a@b.c"
    )
    service.answers["ListAssignmentPeriods"] = ListAssignmentPeriodsResponse(periods=[period])
    words = ("assignment", "history", "--collection", "eng")

    done = run(*words, "--user", "b@c.d", "--host", "pc-1", "--at", "2026-03-01T12:00")
    run(*words)

    one, other = service.requests("ListAssignmentPeriods")
    assert (one.user, one.host_id, one.at_time) == ("b@c.d", "pc-1", NOON)
    assert not other.HasField("at_time")
    assert done.stdout.splitlines()[1].split() == [
        *("pc-1", "b@c.d", "2026-03-01T12:00:00Z", "set", "user:a@b.c")
    ]


def test_an_etag_is_sent_with_what_is_set_and_removed(run: Run, service: StubService) -> None:
    service.answers["SetAssignment"] = SetAssignmentResponse(assignment=ALICE)
    service.answers["RemoveAssignment"] = RemoveAssignmentResponse(removed=[ALICE])
    words = ("--collection", "eng", "--host", "pc-2", "--etag", "a")

    run("assignment", "set", "--user", "CONTOSO\\alice", *words)
    run("assignment", "remove", "--force", *words)

    assert service.requests("SetAssignment")[0].etag == "a"
    assert service.requests("RemoveAssignment")[0].etag == "a"


def test_an_etag_without_a_host_is_wrong_usage(run: Run, service: StubService) -> None:
    done = run(
        *("assignment", "remove", "--collection", "eng", "--user", "a@b.c", "--etag", "a"),
        "--force",
    )

    assert done.exit_code == 2
    assert service.seen == []
