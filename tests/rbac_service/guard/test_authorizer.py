"""How this service guards itself: at most one read of the head, as new as what is guarded."""

from __future__ import annotations

import time
from typing import Any, cast

import pytest

from deskhold.api.rbac.v1 import access_pb2 as pb
from deskhold.chassis.access import Need
from deskhold.chassis.calls import Call, Caller, Method
from deskhold.chassis.clock import now_us
from deskhold.chassis.db import Database
from deskhold.chassis.paging import Page
from deskhold.errors import PermissionDenied
from deskhold.identities import Principal, PrincipalKind
from rbac_service.access import policy as policy_module
from rbac_service.access.policy import Freshness
from rbac_service.access.rules import Question
from rbac_service.assignments.usecases import RoleAssignments
from rbac_service.authorizer import SelfAuthorizer
from rbac_service.log.decision_rules import DecisionFilter, StoredDecision
from rbac_service.log.store import Head, newest_head
from rbac_service.log.usecases import Audit
from tests.rbac_service.deployments import DOMAINS, OWNER, Deployment

ASK = "deskhold.authorization/checkAccess/action"
A, B = "/tenantGroups/a", "/tenantGroups/b"
BOB = "bob@x"


def caller(name: str) -> Caller:
    return Caller(Principal(PrincipalKind.USER, name), f"user:{name}")


def call() -> Call:
    method = Method("deskhold.api.rbac.v1.AccessService/CheckAccess", pb.CheckAccessRequest)
    return Call(method, cast(Any, None), "r-1", time.monotonic())


@pytest.fixture
def gate(deployment: Deployment) -> SelfAuthorizer:
    shared = deployment.shared
    return SelfAuthorizer(
        shared.access, shared.messages, shared.decisions, max_age_seconds=shared.max_age_seconds
    )


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[Database]:
    """The reads of the log's head."""
    made: list[Database] = []

    async def counted(database: Database) -> Head:
        made.append(database)
        return await newest_head(database)

    monkeypatch.setattr(policy_module, "newest_head", counted)
    return made


async def recorded(deployment: Deployment) -> list[StoredDecision]:
    await deployment.shared.decisions.queue.flush()
    return await Audit(deployment.database).list_decisions(DecisionFilter(), Page(100, None))


async def test_the_gate_and_the_question_behind_it_share_one_read_of_the_head(
    deployment: Deployment, gate: SelfAuthorizer, reads: list[Database]
) -> None:
    for _ in range(3):
        arrived = call()
        await gate.authorize(caller("alice@x"), [Need(ASK, A), Need(ASK, B)], arrived)
        question = Question(("user:bob@x",), ASK, A)
        await deployment.shared.access.decide([question], Freshness(since=arrived.started))

    assert len(reads) == 3


async def test_a_gate_that_may_lag_reads_nothing_when_memory_is_young_enough(
    gate: SelfAuthorizer, reads: list[Database]
) -> None:
    needs = [Need(ASK, A, may_lag=True), Need(ASK, B, may_lag=True)]
    await gate.authorize(caller("alice@x"), needs, call())
    reads.clear()

    await gate.authorize(caller("alice@x"), needs, call())
    assert reads == []

    await gate.authorize(caller("alice@x"), [*needs, Need(ASK, "/")], call())
    assert len(reads) == 1


async def test_a_right_that_was_revoked_ends_at_once_unless_the_gate_may_lag(
    deployment: Deployment, gate: SelfAuthorizer
) -> None:
    held = await deployment.assign(BOB, "Policy Enforcement Point", "/")
    await gate.authorize(caller(BOB), [Need(ASK, "/")], call())
    await RoleAssignments(deployment.database, DOMAINS).delete(
        held.name, etag="", author=OWNER, now_us=now_us(), commit=deployment.commit
    )

    lagging = await gate.authorize(caller(BOB), [Need(ASK, "/", may_lag=True)], call())
    with pytest.raises(PermissionDenied):
        await gate.authorize(caller(BOB), [Need(ASK, "/")], call())

    assert lagging.decision_id


async def test_who_may_at_the_deployment_is_not_asked_about_each_scope(
    deployment: Deployment, gate: SelfAuthorizer
) -> None:
    write = "deskhold.resources/hosts/write"  # of mutations every decision is recorded

    grant = await gate.authorize(caller("alice@x"), [Need(write, A), Need(write, B)], call())

    (one,) = await recorded(deployment)
    assert (one.decision_id, one.scope, one.allowed) == (grant.decision_id, "/", True)


async def test_who_may_not_at_the_deployment_is_judged_at_each_scope(
    deployment: Deployment, gate: SelfAuthorizer
) -> None:
    await deployment.add_scope(A)
    await deployment.assign(BOB, "Policy Enforcement Point", A)
    below = f"{A}/tenants/t"

    await gate.authorize(caller(BOB), [Need(ASK, A), Need(ASK, below)], call())
    with pytest.raises(PermissionDenied) as refused:
        await gate.authorize(caller(BOB), [Need(ASK, A), Need(ASK, B)], call())

    assert refused.value.metadata["scope"] == B
    denials = [one for one in await recorded(deployment) if not one.allowed]
    assert [(one.scope, one.decision_id) for one in denials] == [
        (B, refused.value.metadata["decision"])
    ]
