"""diagnostics and watch: what was done, and what changes."""

from __future__ import annotations

import json

import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from deskhold import errors
from deskhold.api.broker.v1 import diagnostics_pb2 as pb
from deskhold.api.broker.v1 import watch_pb2
from tests.deskhold.cli.conftest import Run
from tests.deskhold.stub_service import StubService

TENANT = "tenantGroups/default/tenants/default"
ENG = f"{TENANT}/collections/eng"
WATCH = "broker's Watch"

ACTIVITY = pb.Activity(
    name=f"{TENANT}/diagnostics/activities/7",
    kind=pb.ACTIVITY_KIND_CONNECTION,
    method="SessionService/Connect",
    actor="user:alice@contoso.com",
    collection=ENG,
    outcome=pb.ACTIVITY_OUTCOME_REFUSED,
    code="RESOURCE_EXHAUSTED",
    reason="NO_FREE_HOST",
    request_id="r-1",
    start_time=Timestamp(seconds=1_700_000_000),
)


def test_activities_are_listed_for_people_and_for_programs(run: Run, service: StubService) -> None:
    service.answers["ListActivities"] = pb.ListActivitiesResponse(activities=[ACTIVITY])

    table = run("diagnostics", "list").stdout.splitlines()[1].split()
    whole = json.loads(run("diagnostics", "list", "-o", "json").stdout)
    names = run("diagnostics", "list", "-o", "name").stdout

    assert table == [
        "2023-11-14T22:13:20Z",
        "connection",
        "refused",
        "Connect",
        "user:alice@contoso.com",
        "eng",
        "NO_FREE_HOST",
        "r-1",
    ]
    assert whole[0]["code"] == "RESOURCE_EXHAUSTED"
    assert names == f"{ACTIVITY.name}\n"


@pytest.mark.parametrize(
    ("words", "parent", "collection"),
    [
        ((), f"{TENANT}/diagnostics", ""),
        (("--tenant", "hr"), "tenantGroups/default/tenants/hr/diagnostics", ""),
        (
            ("--tenant-group", "contoso", "--tenant", "hr"),
            "tenantGroups/contoso/tenants/hr/diagnostics",
            "",
        ),
        (("--infrastructure",), "diagnostics", ""),
        (("--collection", "eng"), f"{TENANT}/diagnostics", ENG),
        (("--collection", ENG), f"{TENANT}/diagnostics", ENG),
        (("--infrastructure", "--collection", "eng"), "diagnostics", ENG),
        (
            ("--tenant", "hr", "--host-pool", "lab"),
            "tenantGroups/default/tenants/hr/diagnostics",
            "tenantGroups/default/tenants/hr/collections/lab",
        ),
    ],
)
def test_the_flags_say_whose_activities(
    run: Run, service: StubService, words: tuple[str, ...], parent: str, collection: str
) -> None:
    service.answers["ListActivities"] = pb.ListActivitiesResponse()

    assert run("diagnostics", "list", *words).exit_code == 0

    (request,) = service.requests("ListActivities")
    assert (request.parent, request.collection) == (parent, collection)


def test_every_filter_is_the_services(run: Run, service: StubService) -> None:
    service.answers["ListActivities"] = pb.ListActivitiesResponse(activities=[ACTIVITY, ACTIVITY])

    done = run(
        *("diagnostics", "list", "--user", "alice@contoso.com", "--host", "pc-1"),
        *("--kind", "connection", "--outcome", "refused", "--request", "r-1"),
        *("--since", "2030-01-01", "--until", "2030-01-02", "--limit", "1", "-o", "name"),
    )

    assert done.stdout == f"{ACTIVITY.name}\n"
    (request,) = service.requests("ListActivities")
    assert (request.user, request.host_id, request.request_id) == (
        "alice@contoso.com",
        "pc-1",
        "r-1",
    )
    assert request.kind == pb.ACTIVITY_KIND_CONNECTION
    assert request.outcome == pb.ACTIVITY_OUTCOME_REFUSED
    assert request.end_time.seconds - request.start_time.seconds == 24 * 3600


@pytest.mark.parametrize(
    "words",
    [
        ("diagnostics", "list", "--infrastructure", "--tenant", "hr"),
        ("diagnostics", "list", "--kind", "dance"),
        ("diagnostics", "list", "--outcome", "fine"),
        ("watch", "--kind", "tenant"),
        ("watch", "--collection", ENG, "--tenant", "hr"),
    ],
    ids=" ".join,
)
def test_what_contradicts_itself_is_wrong_usage(
    run: Run, service: StubService, words: tuple[str, ...]
) -> None:
    assert run(*words).exit_code == 2
    assert service.seen == []


def test_who_may_not_read_them_is_denied(run: Run, service: StubService) -> None:
    service.answers["ListActivities"] = errors.PermissionDenied("no")

    assert run("diagnostics", "list").exit_code == 4


def changed(position: str) -> watch_pb2.WatchResponse:
    change = watch_pb2.Change(
        kind=watch_pb2.RESOURCE_KIND_ASSIGNMENT, name=f"{ENG}/hosts/pc-1/assignment"
    )
    change.assignment.user = "alice@contoso.com"
    return watch_pb2.WatchResponse(
        position=position, time=Timestamp(seconds=1_700_000_000), change=change
    )


def gone(position: str) -> watch_pb2.WatchResponse:
    change = watch_pb2.Change(kind=watch_pb2.RESOURCE_KIND_HOST, name=f"{ENG}/hosts/pc-2")
    return watch_pb2.WatchResponse(
        position=position, time=Timestamp(seconds=1_700_000_000), change=change
    )


def checkpoint(position: str) -> watch_pb2.WatchResponse:
    return watch_pb2.WatchResponse(position=position)


def test_watching_prints_a_line_for_each_change(run: Run, service: StubService) -> None:
    service.streams = [[changed("0.6"), checkpoint("0.7"), gone("0.8"), errors.NotFound("end")]]

    done = run("watch", "--collection", "eng")

    assert done.stdout.splitlines() == [
        f"2023-11-14T22:13:20Z  assignment  changed  {ENG}/hosts/pc-1/assignment",
        f"2023-11-14T22:13:20Z  host  gone  {ENG}/hosts/pc-2",
    ]
    assert service.requests(WATCH)[0].parent == ENG


def test_watching_as_json_has_position_and_resource_and_goes_on_where_it_stood(
    run: Run, service: StubService
) -> None:
    service.streams = [
        [changed("0.6"), checkpoint("0.7"), errors.Unavailable("away")],
        [gone("0.8"), errors.PermissionDenied("no longer")],
    ]

    words = ("--tenant", "hr", "--kind", "host", "--kind", "app-group", "--from", "0.5")
    done = run("watch", *words, "-o", "json")

    assert done.exit_code == 4
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert [line["position"] for line in lines] == ["0.6", "0.8"]
    assert lines[0]["change"]["assignment"]["user"] == "alice@contoso.com"
    first, second = service.requests(WATCH)
    assert (first.position, second.position) == ("0.5", "0.7")
    assert first.parent == second.parent == "tenantGroups/default/tenants/hr"
    assert list(first.kinds) == [
        watch_pb2.RESOURCE_KIND_HOST,
        watch_pb2.RESOURCE_KIND_APP_GROUP,
    ]
    assert first.kinds == second.kinds


def test_a_position_that_is_gone_ends_the_watch(run: Run, service: StubService) -> None:
    service.streams = [[changed("0.6"), errors.Aborted("gone", reason="POSITION_GONE")]]

    done = run("watch", "--from", "0.1")

    assert done.exit_code == 1
    assert "POSITION_GONE" in done.stderr
