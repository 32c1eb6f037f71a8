"""Queues that are fair: no tenant or caller makes another wait for more than one transaction."""

from __future__ import annotations

import asyncio
import threading
import time
from typing import Any, cast

import pytest
from sqlalchemy import Connection

from deskhold.api.rbac.v1.scopes_pb2 import CreateScopeRequest
from deskhold.chassis.access import Need
from deskhold.chassis.calls import Call, Caller, Method, enter
from deskhold.chassis.db import Database
from deskhold.chassis.db.queue import MOST_IN_LANE
from deskhold.errors import ResourceExhausted, Unavailable
from deskhold.identities import Domains, Principal, PrincipalKind
from tests.deskhold.chassis.db.gates import held, outcomes, queued
from tests.deskhold.chassis.things import names, put, put_all, stored

CONTOSO = "/tenantGroups/default/tenants/contoso"
FABRIKAM = "/tenantGroups/default/tenants/fabrikam"
METHOD = Method("deskhold.api.rbac.v1.ScopeService/CreateScope", CreateScopeRequest)


def call(scope: str = "", *, user: str = "a@x") -> Call:
    principal = Principal(PrincipalKind.USER, user)
    return Call(
        METHOD,
        cast("Any", None),
        "request",
        0.0,
        deadline=time.monotonic() + 60,
        caller=Caller(principal, Domains().key(principal)),
        needs=(Need("write", scope),) if scope else (),
    )


async def of(scope: str, work: Any) -> Any:
    """Do work in a call about a scope."""
    enter(call(scope))
    return await work()


@pytest.mark.parametrize(
    ("made", "lane"),
    [
        (call(f"{CONTOSO}/collections/eng/hosts/a"), CONTOSO),
        (call(CONTOSO), CONTOSO),
        (call("/tenantGroups/default"), "user:a@x"),
        (call("/"), "user:a@x"),
        (call(user="b@x"), "user:b@x"),
    ],
)
def test_a_lane_is_the_tenant_or_else_the_caller(made: Call, lane: str) -> None:
    assert made.lane == lane


async def test_tenants_take_turns_however_much_one_of_them_wants(
    sqlite_database: Database,
) -> None:
    order: list[str] = []

    def note(who: str) -> Any:
        return lambda: sqlite_database.write(lambda _: order.append(who))

    async with held(sqlite_database):
        many = await queued(*(of(CONTOSO, note("contoso")) for _ in range(100)))
        few = await queued(*(of(FABRIKAM, note("fabrikam")) for _ in range(2)))
    await outcomes([*many, *few])

    assert order[:4] == ["contoso", "fabrikam", "contoso", "fabrikam"]
    assert len(order) == 102


async def test_a_full_queue_refuses_its_tenant_and_no_other(
    sqlite_database: Database, sqlite_url: str
) -> None:
    def put_one(name: str) -> Any:
        return lambda: sqlite_database.write(put(name))

    names = [f"pc-{number:04}" for number in range(MOST_IN_LANE)]
    async with held(sqlite_database):
        tasks = await queued(*(of(CONTOSO, put_one(name)) for name in names))
        (refused,) = await outcomes(await queued(of(CONTOSO, put_one("one-too-many"))))
        tasks += await queued(of(FABRIKAM, put_one("of-another")))
    await outcomes(tasks)

    assert isinstance(refused, ResourceExhausted)
    assert refused.reason == "QUOTA"
    assert refused.metadata == {"limit": "1024"}
    assert refused.retry_after_seconds == 1
    assert stored(sqlite_url) == {*names, "of-another"}
    assert await of(CONTOSO, put_one("room-again")) == "room-again"


async def test_slow_reads_of_a_tenant_leave_threads_to_the_others(database: Database) -> None:
    opened = threading.Event()

    def wait(_: Connection) -> None:
        opened.wait()

    slow = await queued(*(of(CONTOSO, lambda: database.read(wait)) for _ in range(20)))

    assert await of(FABRIKAM, lambda: database.read(lambda _: "quick")) == "quick"

    opened.set()
    await asyncio.wait(slow)


async def test_what_is_submitted_while_closing_is_refused(database: Database) -> None:
    async with held(database):
        (closing,) = await queued(database.close())
        late = await outcomes(
            await queued(
                database.write(put("pc-1")),
                database.read(names),
                database.gather("things", put_all, "pc-2"),
            )
        )
    await closing

    assert [type(one) for one in late] == [Unavailable] * 3
