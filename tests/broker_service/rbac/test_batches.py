"""How the broker asks: one batch at a time, each check answered for itself, never a guess."""

from __future__ import annotations

import asyncio

import pytest

from broker_service.rbac import Authority
from deskhold import status
from deskhold.api.rbac.v1 import access_pb2 as pb
from deskhold.api.rbac.v1 import principals_pb2
from deskhold.chassis.calls import Caller, Grant
from deskhold.errors import DeskholdError, InvalidArgument, PermissionDenied
from deskhold.identities import Principal, PrincipalKind
from tests.broker_service.rbac.asking import READ, WRITE, asking, call
from tests.broker_service.stand_in_rbac import StandIn, allowed


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
