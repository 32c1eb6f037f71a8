"""What is recorded of calls: complete, bounded, and in nobody's way."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import grpc
import pytest
from google.protobuf.message import Message
from prometheus_client import CollectorRegistry

from broker_service.diagnostics.recorder import Recorder
from broker_service.diagnostics.rules import Activity, ActivityFilter, ActivityKind, Outcome
from broker_service.diagnostics.usecases import Diagnostics
from deskhold.api.broker.v1 import (
    agents_pb2,
    assignments_pb2,
    diagnostics_pb2,
)
from deskhold.api.broker.v1 import watch_pb2 as broker_watch_pb2
from deskhold.chassis.access import Need, denied
from deskhold.chassis.calls import Call, Caller, Grant, Method
from deskhold.chassis.paging import Page
from deskhold.errors import (
    DeadlineExceeded,
    DeskholdError,
    FailedPrecondition,
    InvalidArgument,
    NotFound,
    ResourceExhausted,
    Unauthenticated,
    Unavailable,
)
from deskhold.identities import Principal, PrincipalKind
from tests.broker_service.stores import DOMAINS, ENG, TENANT, Store

ALICE = Caller(Principal(PrincipalKind.USER, "alice@contoso.com"), "user:alice@contoso.com")
NEED = Need("deskhold.resources/assignments/write", f"/{ENG}")
GRANT = Grant("d-1", 7, "roleAssignments/ra-1")
NOTHING: Any = None


def recorder(store: Store, **limits: Any) -> Recorder:
    return Recorder(store.database, DOMAINS, CollectorRegistry(), **limits)


def call_of(name: str, request: Message, *, known: bool = True) -> Call:
    method = Method(f"deskhold.api.broker.v1.{name}", type(request))
    call = Call(method, NOTHING, f"request of {name}", time.monotonic())
    call.caller = ALICE if known else None
    return call


async def pass_through(
    one: Recorder, name: str, request: Message, error: BaseException | None = None, **who: bool
) -> Call:
    """Make a call that the layers inside let through, or end with an error."""
    call = call_of(name, request, **who)

    async def handler(_: Message, call: Call) -> Message:
        if call.caller is not None:
            call.needs = (NEED,)
        if error is not None:
            raise error
        call.grant = GRANT
        return request

    observed = one.layer(call.method, handler)
    if error is None:
        assert await observed(request, call) is request
    else:
        with pytest.raises(type(error)) as caught:
            await observed(request, call)
        assert caught.value is error
    return call


async def recorded(store: Store, one: Recorder, **wanted: Any) -> list[Activity]:
    listing = Diagnostics(store.database, one)
    return await listing.list_page(ActivityFilter(**wanted), Page(1000, None))


SET = assignments_pb2.SetAssignmentRequest(parent=ENG, user="CONTOSO\\bob", host_id="PC-1")


async def test_an_activity_says_who_what_where_and_by_which_right(store: Store) -> None:
    one = recorder(store, clock_us=lambda: 5_000_000)

    await pass_through(one, "AssignmentService/SetAssignment", SET)

    (activity,) = await recorded(store, one)
    assert (activity.kind, activity.method) == (
        ActivityKind.MANAGEMENT,
        "AssignmentService/SetAssignment",
    )
    assert (activity.actor, activity.user) == ("user:alice@contoso.com", "CONTOSO\\bob")
    place = activity.place
    assert (place.tenant, place.collection, place.host_key) == (TENANT, ENG, "pc-1")
    assert (activity.outcome, activity.code, activity.reason) == (Outcome.SUCCEEDED, "OK", "")
    assert (activity.action, activity.scope) == (NEED.action, NEED.scope)
    assert (activity.decision_id, activity.revision) == ("d-1", 7)
    assert activity.role_assignment == "roleAssignments/ra-1"
    assert activity.request_id == "request of AssignmentService/SetAssignment"
    assert activity.started_us + activity.duration_us == 5_000_000


@pytest.mark.parametrize(
    ("error", "outcome", "code", "reason"),
    [
        (denied(NEED, ALICE, "d-9"), Outcome.DENIED, "PERMISSION_DENIED", "ACTION_DENIED"),
        (Unauthenticated("who"), Outcome.DENIED, "UNAUTHENTICATED", "CREDENTIAL_INVALID"),
        (InvalidArgument("no"), Outcome.REFUSED, "INVALID_ARGUMENT", "FIELD_VIOLATION"),
        (
            FailedPrecondition("held", reason="HOST_HELD"),
            Outcome.REFUSED,
            "FAILED_PRECONDITION",
            "HOST_HELD",
        ),
        (
            ResourceExhausted("none", reason="NO_FREE_HOST"),
            Outcome.REFUSED,
            "RESOURCE_EXHAUSTED",
            "NO_FREE_HOST",
        ),
        (Unavailable("away"), Outcome.FAILED, "UNAVAILABLE", "STORE_UNAVAILABLE"),
        (DeadlineExceeded("late"), Outcome.FAILED, "DEADLINE_EXCEEDED", "DEADLINE_EXCEEDED"),
        (ZeroDivisionError(), Outcome.FAILED, "INTERNAL", "INTERNAL"),
    ],
    ids=lambda value: getattr(value, "reason", None) or str(value),
)
async def test_an_error_is_recorded_and_goes_on_as_it_is(
    store: Store, error: Exception, outcome: Outcome, code: str, reason: str
) -> None:
    one = recorder(store)

    await pass_through(one, "AssignmentService/SetAssignment", SET, error)

    (activity,) = await recorded(store, one)
    assert (activity.outcome, activity.code, activity.reason) == (outcome, code, reason)
    refusal = error.metadata.get("decision", "") if isinstance(error, DeskholdError) else ""
    assert activity.decision_id == refusal


async def test_a_caller_who_left_was_not_answered(store: Store) -> None:
    one = recorder(store)

    await pass_through(one, "SessionService/Connect", SET, asyncio.CancelledError())

    (activity,) = await recorded(store, one)
    assert (activity.kind, activity.outcome) == (ActivityKind.CONNECTION, Outcome.FAILED)
    assert activity.code == grpc.StatusCode.CANCELLED.name


async def test_a_call_of_nobody_is_recorded_without_action(store: Store) -> None:
    one = recorder(store)

    error = Unauthenticated("who", reason="CREDENTIAL_MISSING")
    await pass_through(one, "AssignmentService/SetAssignment", SET, error, known=False)

    (activity,) = await recorded(store, one)
    assert (activity.actor, activity.action, activity.scope) == ("", "", "")
    assert activity.reason == "CREDENTIAL_MISSING"


async def test_texts_that_no_database_takes_are_recorded_all_the_same(store: Store) -> None:
    one = recorder(store)
    odd = assignments_pb2.SetAssignmentRequest(
        parent="tenantGroups/\0", user="\0" * 400, host_id="\u0130" * 100
    )

    await pass_through(one, "AssignmentService/SetAssignment", odd, InvalidArgument("no"))

    (activity,) = await recorded(store, one)
    assert activity.user == "\ufffd" * 256


async def test_reading_activities_and_watching_leave_no_activities(store: Store) -> None:
    one = recorder(store)

    async def handler(request: Message, call: Call) -> Message:
        return request

    listing = Method(
        "deskhold.api.broker.v1.DiagnosticsService/ListActivities",
        diagnostics_pb2.ListActivitiesRequest,
    )
    watching = Method(
        "deskhold.api.broker.v1.WatchService/Watch", broker_watch_pb2.WatchRequest, streams=True
    )

    assert one.layer(listing, handler) is handler
    assert one.layer(watching, handler) is handler


REPORTS = agents_pb2.ReportHostsRequest(parent=ENG)


async def test_reports_are_recorded_when_they_fail_and_when_a_host_registers(
    store: Store,
) -> None:
    one = recorder(store)

    call = await pass_through(one, "AgentService/ReportHosts", REPORTS)
    assert await recorded(store, one) == []
    one.register(call, f"{ENG}/hosts/pc-1")
    one.register(call, f"{ENG}/hosts/pc-9", NotFound("none", reason="HOST_NOT_FOUND"))
    await pass_through(one, "AgentService/ReportHosts", REPORTS, Unavailable("away"))

    found = await recorded(store, one)
    assert {activity.kind for activity in found} == {ActivityKind.REGISTRATION}
    assert [(row.place.host_key, row.outcome, row.reason) for row in found] == [
        ("", Outcome.FAILED, "STORE_UNAVAILABLE"),
        ("pc-9", Outcome.REFUSED, "HOST_NOT_FOUND"),
        ("pc-1", Outcome.SUCCEEDED, ""),
    ]


async def test_what_does_not_fit_is_counted_and_delays_nobody(store: Store) -> None:
    registry = CollectorRegistry()
    one = Recorder(store.database, DOMAINS, registry, queued=2)

    for _ in range(5):
        await pass_through(one, "AssignmentService/SetAssignment", SET)

    assert one.dropped_count == 3
    assert registry.get_sample_value("deskhold_activities_dropped_total") == 3
    assert len(await recorded(store, one)) == 2


async def test_a_store_that_does_not_answer_fails_no_call_and_loses_nothing_that_fits(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = recorder(store)

    async def down(*_: Any, **__: Any) -> None:
        raise Unavailable("down")

    with monkeypatch.context() as broken:
        broken.setattr(store.database, "write", down)
        await pass_through(one, "AssignmentService/SetAssignment", SET)
        with pytest.raises(Unavailable):
            await one.queue.flush()

    assert len(await recorded(store, one)) == 1
    assert one.dropped_count == 0


async def test_activities_whose_answer_was_lost_are_recorded_once(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = recorder(store)
    write = store.database.write

    async def lose(*arguments: Any, **named: Any) -> None:
        await write(*arguments, **named)
        raise Unavailable("the connection was lost during the commit")

    with monkeypatch.context() as broken:
        broken.setattr(store.database, "write", lose)
        await pass_through(one, "AssignmentService/SetAssignment", SET)
        with pytest.raises(Unavailable):
            await one.queue.flush()

    assert len(await recorded(store, one)) == 1


async def test_activities_are_recorded_once_although_their_reader_leaves(store: Store) -> None:
    one = recorder(store)
    await pass_through(one, "AssignmentService/SetAssignment", SET)
    for turns in range(20):
        reader = asyncio.create_task(one.queue.flush())
        for _ in range(turns):
            await asyncio.sleep(0)
        reader.cancel()
        await asyncio.gather(reader, return_exceptions=True)

    assert len(await recorded(store, one)) == 1
