from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable
from typing import Any, cast

import pytest
from sqlalchemy import Connection, text
from sqlalchemy.exc import IntegrityError

from deskhold.api.rbac.v1.scopes_pb2 import CreateScopeRequest, Scope
from deskhold.chassis.calls import Call, Caller, Method
from deskhold.chassis.db import Database
from deskhold.chassis.db.idempotency import KEPT_SECONDS, Mutations
from deskhold.errors import AlreadyExists, InvalidArgument
from deskhold.identities import Domains, Principal, PrincipalKind
from tests.deskhold.chassis.things import REPLIES, put, stored

DAY_US = KEPT_SECONDS * 1_000_000
ID = "11111111-2222-4333-8444-555555555555"


class Clock:
    now_us = 1_700_000_000_000_000

    def __call__(self) -> int:
        return self.now_us


def call_of(user: str) -> Call:
    principal = Principal(PrincipalKind.USER, user)
    caller = Caller(principal, Domains().key(principal))
    method = Method("deskhold.api.rbac.v1.ScopeService/CreateScope", CreateScopeRequest)
    return Call(method, cast("Any", None), "request", 0.0, caller=caller)


class Thing:
    """Adds things as a mutation; its answer has a serial number, to tell answers apart."""

    def __init__(self, database: Database, clock: Callable[[], int]) -> None:
        self._mutations = Mutations(database, REPLIES, clock)
        self.times = 0

    async def create(
        self, name: str, *, request_id: str = "", user: str = "a@x", validate_only: bool = False
    ) -> str:
        request = CreateScopeRequest(
            scope=Scope(name=name), request_id=request_id, validate_only=validate_only
        )

        def encode(made: str) -> Scope:
            self.times += 1
            return Scope(name=f"{made} #{self.times}")

        commit = self._mutations.commit(call_of(user), request, Scope, encode)
        return (await commit(put(name))).name


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def thing(database: Database, clock: Clock) -> Thing:
    return Thing(database, clock)


async def replies(database: Database) -> int:
    def count(connection: Connection) -> int:
        return int(connection.execute(text("SELECT count(*) FROM replies")).scalar_one())

    return await database.read(count)


async def test_a_retry_returns_the_first_answer(thing: Thing) -> None:
    assert await thing.create("pc-1", request_id=ID) == "pc-1 #1"
    assert await thing.create("pc-1", request_id=ID) == "pc-1 #1"


async def test_an_id_in_other_letter_case_is_the_same_id(thing: Thing) -> None:
    own = str(uuid.UUID(int=0xABCDEF))
    await thing.create("pc-1", request_id=own)

    assert await thing.create("pc-1", request_id=own.upper()) == "pc-1 #1"


async def test_retries_at_the_same_moment_are_done_once(
    thing: Thing, database: Database, database_url: str
) -> None:
    told = await asyncio.gather(*(thing.create("pc-1", request_id=ID) for _ in range(3)))

    assert len(set(told)) == 1
    assert stored(database_url) == {"pc-1"}


async def test_the_id_of_another_request_is_refused(thing: Thing, database_url: str) -> None:
    await thing.create("pc-1", request_id=ID)

    with pytest.raises(InvalidArgument) as refused:
        await thing.create("pc-2", request_id=ID)

    assert refused.value.reason == "REQUEST_ID_REUSED"
    assert refused.value.metadata == {"request_id": ID}
    assert stored(database_url) == {"pc-1"}


async def test_callers_do_not_share_their_ids(thing: Thing) -> None:
    await thing.create("pc-1", request_id=ID, user="alice@x")

    assert await thing.create("pc-2", request_id=ID, user="bob@x") == "pc-2 #2"


async def test_without_an_id_every_request_is_a_new_one(thing: Thing, database: Database) -> None:
    await thing.create("pc-1")

    with pytest.raises(IntegrityError):
        await thing.create("pc-1")
    assert await replies(database) == 0


async def test_a_refusal_is_not_kept(thing: Thing, database: Database, database_url: str) -> None:
    await database.write(put("pc-1"))
    with pytest.raises(IntegrityError):
        await thing.create("pc-1", request_id=ID)
    await database.write(lambda connection: connection.execute(text("DELETE FROM things")))

    assert await thing.create("pc-1", request_id=ID) == "pc-1 #1"
    assert stored(database_url) == {"pc-1"}


async def test_a_dry_run_changes_nothing_and_uses_no_id_up(
    thing: Thing, database: Database, database_url: str
) -> None:
    tried = await thing.create("pc-1", request_id=ID, validate_only=True)

    assert tried == "pc-1 #1"
    assert stored(database_url) == set()
    assert await thing.create("pc-1", request_id=ID) == "pc-1 #2"
    assert await replies(database) == 1


async def test_a_dry_run_is_refused_as_the_real_one_would_be(database: Database) -> None:
    thing = Thing(database, Clock())
    request = CreateScopeRequest(validate_only=True)
    commit = Mutations(database, REPLIES, Clock()).commit(
        call_of("a@x"), request, Scope, lambda _: Scope()
    )

    def refuse(_: Connection) -> None:
        raise AlreadyExists("it is there")

    with pytest.raises(AlreadyExists):
        await commit(refuse)
    assert thing.times == 0


async def test_an_answer_is_kept_for_a_day(thing: Thing, clock: Clock) -> None:
    await thing.create("pc-1", request_id=ID)
    clock.now_us += DAY_US
    await thing.create("pc-2", request_id=str(uuid.uuid4()))

    assert await thing.create("pc-1", request_id=ID) == "pc-1 #1"


async def test_later_answers_push_out_those_older_than_a_day(
    thing: Thing, clock: Clock, database: Database
) -> None:
    for number in range(6):
        await thing.create(f"old-{number}", request_id=str(uuid.uuid4()))
    clock.now_us += DAY_US + 1
    for number in range(3):
        await thing.create(f"new-{number}", request_id=str(uuid.uuid4()))

    assert await replies(database) == 3


async def test_many_at_once_keep_one_answer_each(thing: Thing, database: Database) -> None:
    ids = [str(uuid.uuid4()) for _ in range(100)]
    names = [f"pc-{number}" for number in range(100)]
    both = list(zip(names, ids, strict=True))

    first = await asyncio.gather(*(thing.create(name, request_id=own) for name, own in both))
    again = await asyncio.gather(*(thing.create(name, request_id=own) for name, own in both))

    assert first == again
    assert len(set(first)) == 100
    assert await replies(database) == 100
