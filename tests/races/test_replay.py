"""One request that reaches two processes at once is done once, and both get its answer."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from typing import Any, cast

import pytest
from sqlalchemy import Connection, MetaData

from deskhold.api.rbac.v1.scopes_pb2 import CreateScopeRequest, Scope
from deskhold.chassis.calls import Call, Caller, Method
from deskhold.chassis.db import Database
from deskhold.chassis.db.idempotency import Mutations, replies_table
from deskhold.errors import AlreadyExists
from deskhold.identities import Domains, Principal, PrincipalKind
from tests.races.things import names, opened, put

pytestmark = pytest.mark.slow

REQUEST = CreateScopeRequest(request_id="11111111-2222-4333-8444-555555555555")


@pytest.fixture
async def processes(url: str) -> AsyncIterator[list[Database]]:
    both = [opened(url), Database(url)]
    yield both
    for one in both:
        await one.close()


async def test_the_second_waits_for_the_first_and_gets_its_answer(
    processes: list[Database],
) -> None:
    metadata = MetaData()
    table = replies_table(metadata)
    await processes[0].write(metadata.create_all)
    began = threading.Event()
    runs = 0

    def work(connection: Connection) -> str:
        nonlocal runs
        runs += 1
        began.set()
        if "c" in names(connection):
            raise AlreadyExists("c is there")
        threading.Event().wait(0.2)  # while the other arrives
        return put("c")(connection)

    def encode(name: str) -> Scope:
        return Scope(name=name)

    async def create(database: Database) -> Scope:
        mutations = Mutations(database, table, lambda: 1)
        principal = Principal(PrincipalKind.USER, "a@x")
        caller = Caller(principal, Domains().key(principal))
        method = Method("deskhold.api.rbac.v1.ScopeService/CreateScope", CreateScopeRequest)
        call = Call(method, cast("Any", None), "request", 0.0, caller=caller)
        return await mutations.commit(call, REQUEST, Scope, encode)(work)

    first = asyncio.create_task(create(processes[0]))
    await asyncio.to_thread(began.wait)
    second = asyncio.create_task(create(processes[1]))

    assert await first == await second == Scope(name="c")
    assert runs == 1
