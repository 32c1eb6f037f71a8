"""How the broker asks: one batch at a time, each check answered for itself, never a guess."""

from __future__ import annotations

import asyncio
import gc
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest
import structlog
from structlog.testing import capture_logs

from broker_service.rbac import Authority
from deskhold import status
from deskhold.api.rbac.v1 import access_pb2 as pb
from deskhold.api.rbac.v1 import principals_pb2
from deskhold.channel import open_async
from deskhold.chassis.access import Need
from deskhold.chassis.calls import Call, Caller, Grant, Method
from deskhold.errors import (
    DeskholdError,
    Internal,
    InvalidArgument,
    PermissionDenied,
    Unavailable,
)
from deskhold.identities import Principal, PrincipalKind
from tests.broker_service.stand_in_rbac import StandIn, allowed
from tests.deskhold.stub_service import Authority as Certificates

READ = Need("deskhold.resources/hosts/read", "/tenantGroups/g")
WRITE = Need("deskhold.resources/hosts/write", "/tenantGroups/g")


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return Certificates.make(tmp_path_factory.mktemp("certificates"))


@pytest.fixture
async def rbac(certificates: Certificates) -> AsyncIterator[StandIn]:
    stand_in = StandIn(certificates)
    await stand_in.start()
    yield stand_in
    await stand_in.stop()


@pytest.fixture
async def authority(rbac: StandIn) -> AsyncIterator[Authority]:
    channel = open_async(rbac.endpoint)
    yield Authority(channel, structlog.get_logger())
    await channel.close()


def caller(name: str, *groups: str) -> Caller:
    user = f"{name}@contoso.com"
    return Caller(Principal(PrincipalKind.USER, user), f"user:{user}", groups)


def call(seconds: float) -> Call:
    nowhere: Any = None
    now = time.monotonic()
    return Call(Method("p.S/M", pb.CheckAccessRequest), nowhere, "r-1", now, now + seconds)


def asking(
    authority: Authority, name: str, *needs: Need, seconds: float = 30.0
) -> asyncio.Task[Grant]:
    """Ask for somebody who waits that long for the answer."""
    asked = authority.authorize(caller(name), needs or (READ,), call(seconds))
    return asyncio.create_task(asked)


async def test_checks_that_wait_for_an_answer_travel_together_in_one_batch_at_a_time(
    rbac: StandIn, authority: Authority
) -> None:
    rbac.is_open.clear()
    first = asking(authority, "first")
    await rbac.arrival(1)
    others = [asking(authority, f"user{number}") for number in range(150)]
    await asyncio.sleep(0)

    rbac.is_open.set()
    grants = await asyncio.gather(first, *others)

    assert [len(batch) for batch in rbac.batches] == [1, 64, 64, 22]
    assert rbac.most_at_once == 1
    names = ["first", *(f"user{number}" for number in range(150))]
    assert [one.decision_id for one in grants] == [
        f"d-{name}@contoso.com-{READ.action}" for name in names
    ]


async def test_checks_that_arrive_one_after_the_other_without_a_pause_travel_together(
    rbac: StandIn, authority: Authority
) -> None:
    asked = []
    for number in range(20):
        asked.append(asking(authority, f"user{number}"))
        for _ in range(3):  # turns of the loop, as gRPC needs some for each call
            await asyncio.sleep(0)

    await asyncio.gather(*asked)

    assert [len(batch) for batch in rbac.batches] == [20]


async def test_a_check_carries_who_what_where_and_the_groups(
    rbac: StandIn, authority: Authority
) -> None:
    who = Principal(PrincipalKind.SERVICE_PRINCIPAL, "spiffe://deskhold/agent", "directory-1")

    grant = await authority.authorize(Caller(who, "key", ("g-1", "g-2")), (WRITE,), call(30))

    assert rbac.batches == [
        [
            pb.CheckAccessRequest(
                principal=principals_pb2.Principal(
                    kind=principals_pb2.PRINCIPAL_KIND_SERVICE_PRINCIPAL,
                    id="spiffe://deskhold/agent",
                    directory="directory-1",
                ),
                action=WRITE.action,
                scope=WRITE.scope,
                group_ids=["g-1", "g-2"],
            )
        ]
    ]
    assert grant == Grant(f"d-spiffe://deskhold/agent-{WRITE.action}", 7, "ra-1")


async def test_each_check_is_refused_or_fails_alone(rbac: StandIn, authority: Authority) -> None:
    def answer(check: pb.CheckAccessRequest) -> pb.BatchCheckAccessResult:
        name = check.principal.id.partition("@")[0]
        if name == "denied":
            refusal = pb.CheckAccessResponse(decision=pb.DECISION_DENY, decision_id="d-no")
            return pb.BatchCheckAccessResult(answer=refusal)
        if name == "malformed":
            error = InvalidArgument.of_field("group_ids", "is too long")
            return pb.BatchCheckAccessResult(error=status.to_status(error, request_id=""))
        if name == "silent":
            return pb.BatchCheckAccessResult(answer=pb.CheckAccessResponse())
        if name == "empty":
            return pb.BatchCheckAccessResult()
        return allowed(check)

    rbac.answer = answer
    names = ("allowed", "denied", "malformed", "silent", "empty", "last")

    came = await asyncio.gather(
        *(asking(authority, name) for name in names), return_exceptions=True
    )

    grants = dict(zip(names, came, strict=True))
    assert isinstance(grants["allowed"], Grant)
    assert isinstance(grants["last"], Grant)
    denied = grants["denied"]
    assert isinstance(denied, PermissionDenied)
    assert denied.metadata == {"action": READ.action, "scope": READ.scope, "decision": "d-no"}
    assert isinstance(grants["malformed"], InvalidArgument)
    assert isinstance(grants["silent"], PermissionDenied)
    assert isinstance(grants["empty"], DeskholdError)


async def test_all_of_several_needs_must_be_allowed(rbac: StandIn, authority: Authority) -> None:
    def answer(check: pb.CheckAccessRequest) -> pb.BatchCheckAccessResult:
        if check.action == WRITE.action:
            return pb.BatchCheckAccessResult(
                answer=pb.CheckAccessResponse(decision=pb.DECISION_DENY, decision_id="d-no")
            )
        return allowed(check)

    rbac.answer = answer

    with pytest.raises(PermissionDenied) as caught:
        await asking(authority, "alice", READ, WRITE)

    assert caught.value.metadata["action"] == WRITE.action
    assert [len(batch) for batch in rbac.batches] == [2]


async def test_a_late_authority_is_unavailable(rbac: StandIn, authority: Authority) -> None:
    rbac.is_open.clear()

    with pytest.raises(Unavailable) as caught:
        await asking(authority, "alice", seconds=0.4)

    assert caught.value.reason == "AUTHORITY_UNAVAILABLE"
    assert caught.value.metadata == {"authority": "rbac"}
    assert caught.value.retry_after_seconds


async def test_whoever_waits_behind_a_late_answer_hears_before_their_time_is_up(
    rbac: StandIn, authority: Authority
) -> None:
    rbac.is_open.clear()
    first = asking(authority, "first", seconds=30)
    await rbac.arrival(1)

    with pytest.raises(Unavailable):
        await asking(authority, "second", seconds=0.4)

    assert not first.done()
    rbac.is_open.set()
    assert (await first).decision_id


async def test_each_of_many_who_wait_hears_when_their_own_time_is_up(
    rbac: StandIn, authority: Authority
) -> None:
    rbac.is_open.clear()
    first = asking(authority, "first", seconds=30)
    await rbac.arrival(1)
    told: list[str] = []

    async def wait(name: str, seconds: float) -> None:
        with pytest.raises(Unavailable):
            await asking(authority, name, seconds=seconds)
        told.append(name)

    await asyncio.gather(wait("late", 0.6), wait("soon", 0.2), wait("last", 0.9))

    assert told == ["soon", "late", "last"]
    assert not first.done()
    rbac.is_open.set()
    assert (await first).decision_id


async def test_whoever_has_left_is_not_asked_for(rbac: StandIn, authority: Authority) -> None:
    rbac.is_open.clear()
    first = asking(authority, "first")
    await rbac.arrival(1)
    gone, stays = asking(authority, "gone"), asking(authority, "stays")
    await asyncio.sleep(0)

    gone.cancel()
    rbac.is_open.set()
    await asyncio.gather(first, gone, stays, return_exceptions=True)

    assert [one.principal.id for batch in rbac.batches for one in batch] == [
        "first@contoso.com",
        "stays@contoso.com",
    ]


async def test_a_failure_is_heard_by_everyone_who_waits_and_by_nobody_else(
    rbac: StandIn, authority: Authority
) -> None:
    unheard: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: unheard.append(context))
    await rbac.stop()

    came = await asyncio.gather(
        *(asking(authority, f"user{number}", READ, WRITE) for number in range(5)),
        return_exceptions=True,
    )

    assert all(isinstance(one, Unavailable) for one in came)
    del came
    gc.collect()
    await asyncio.sleep(0)
    assert unheard == []


async def test_after_the_authority_is_back_it_is_asked_again(
    rbac: StandIn, authority: Authority
) -> None:
    await rbac.stop()
    with pytest.raises(Unavailable):
        await asking(authority, "alice")

    await rbac.start()

    grant = None
    while grant is None:
        try:
            grant = await asking(authority, "alice")
        except Unavailable:
            continue  # until the channel has connected again
    assert grant.decision_id


async def test_whoever_gets_no_answer_is_not_allowed(rbac: StandIn, authority: Authority) -> None:
    rbac.is_open.clear()
    first = asking(authority, "first")
    await rbac.arrival(1)
    others = [asking(authority, f"user{number}") for number in range(3)]
    await asyncio.sleep(0)
    rbac.left_out = 1
    rbac.is_open.set()

    came = await asyncio.gather(first, *others, return_exceptions=True)

    assert isinstance(came[0], Exception)
    assert isinstance(came[-1], Exception)
    rbac.left_out = 0
    assert (await asking(authority, "next")).decision_id


@pytest.mark.parametrize(
    ("refusal", "hint"),
    [
        (PermissionDenied("the broker may not ask"), "deskhold bootstrap"),
        (Unavailable("the store is away"), ""),
        (InvalidArgument("too many"), ""),
        (Internal("a defect"), ""),
    ],
    ids=lambda value: type(value).__name__,
)
async def test_an_authority_that_refuses_to_answer_is_unavailable_and_the_log_says_why(
    rbac: StandIn, authority: Authority, refusal: DeskholdError, hint: str
) -> None:
    rbac.refusal = refusal

    with capture_logs() as lines, pytest.raises(Unavailable) as caught:
        await asking(authority, "alice")

    assert caught.value.reason == "AUTHORITY_UNAVAILABLE"
    assert refusal.message not in caught.value.message
    assert lines[0]["message"] == refusal.message
    assert hint in lines[0]["hint"]
