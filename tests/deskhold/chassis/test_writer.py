from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from itertools import groupby

import pytest
from sqlalchemy import Connection, select
from sqlalchemy.exc import IntegrityError

from deskhold.chassis.database import Database
from deskhold.errors import AlreadyExists, NotFound, ResourceExhausted, Unavailable
from tests.deskhold.chassis.gates import held, outcomes, queued
from tests.deskhold.chassis.things import THINGS, put, put_all, stored


async def test_what_was_answered_is_there_for_every_other_process(
    database: Database, database_url: str
) -> None:
    answer = await database.writer.call(put("pc-1"))

    assert answer == "pc-1"
    assert stored(database_url) == {"pc-1"}


async def test_nothing_is_answered_before_the_whole_batch_is_committed(
    database: Database, database_url: str
) -> None:
    seen_by_second: list[tuple[set[str], bool]] = []
    async with held(database.writer):
        (first,) = await queued(database.writer.call(put("pc-1")))

        def look(_: Connection) -> None:
            seen_by_second.append((stored(database_url), first.done()))

        (second,) = await queued(database.writer.call(look))
    await asyncio.gather(first, second)

    assert seen_by_second == [(set(), False)]
    assert stored(database_url) == {"pc-1"}


async def test_operations_that_wait_together_run_as_one(database: Database) -> None:
    batches: list[Sequence[int]] = []

    def double(_: Connection, numbers: Sequence[int]) -> Sequence[int]:
        batches.append(numbers)
        return [2 * number for number in numbers]

    async with held(database.writer):
        tasks = await queued(*(database.writer.gather(double, number) for number in range(5)))

    assert await outcomes(tasks) == [0, 2, 4, 6, 8]
    assert batches == [[0, 1, 2, 3, 4]]


async def test_what_is_submitted_in_one_turn_of_the_loop_shares_a_transaction(
    database: Database,
) -> None:
    sizes: list[int] = []

    def count(_: Connection, numbers: Sequence[int]) -> Sequence[int]:
        sizes.append(len(numbers))
        return numbers

    await asyncio.gather(*(database.writer.gather(count, number) for number in range(30)))

    assert sizes == [30]


async def test_a_transaction_takes_64_at_the_most(database: Database) -> None:
    sizes: list[int] = []

    def count(_: Connection, numbers: Sequence[int]) -> Sequence[int]:
        sizes.append(len(numbers))
        return numbers

    async with held(database.writer):
        tasks = await queued(*(database.writer.gather(count, number) for number in range(100)))

    assert await outcomes(tasks) == list(range(100))
    assert sizes == [64, 36]


async def test_one_that_is_refused_fails_alone(database: Database, database_url: str) -> None:
    def refuse(connection: Connection) -> str:
        put("half-done")(connection)
        raise NotFound("no such host")

    async with held(database.writer):
        tasks = await queued(
            database.writer.call(put("pc-1")),
            database.writer.call(refuse),
            database.writer.call(put("pc-2")),
        )
    before, refused, after = await outcomes(tasks)

    assert (before, after) == ("pc-1", "pc-2")
    assert isinstance(refused, NotFound)
    assert stored(database_url) == {"pc-1", "pc-2"}


async def test_one_argument_that_an_operation_refuses_fails_alone(
    database: Database, database_url: str
) -> None:
    async with held(database.writer):
        tasks = await queued(
            *(database.writer.gather(put_all, name) for name in ("pc-1", "taken", "pc-2"))
        )
    before, refused, after = await outcomes(tasks)

    assert (before, after) == ("pc-1", "pc-2")
    assert isinstance(refused, AlreadyExists)
    assert stored(database_url) == {"pc-1", "pc-2"}


async def test_an_operation_that_fails_as_a_whole_is_tried_one_by_one(
    database: Database, database_url: str
) -> None:
    sizes: list[int] = []

    def count_and_put(connection: Connection, names: Sequence[str]) -> Sequence[object]:
        sizes.append(len(names))
        return put_all(connection, names)

    async with held(database.writer):
        tasks = await queued(
            *(database.writer.gather(count_and_put, name) for name in ("pc-1", "pc-1", "pc-2"))
        )
    first, twice, other = await outcomes(tasks)

    # PostgreSQL's rows may come and go by other processes, so it is asked more than once.
    assert [size for size, _ in groupby(sizes)] == [3, 1]
    assert (first, other) == ("pc-1", "pc-2")
    assert isinstance(twice, IntegrityError)
    assert stored(database_url) == {"pc-1", "pc-2"}


async def test_a_defect_in_one_reaches_its_caller_only(
    database: Database, database_url: str
) -> None:
    def defect(_: Connection) -> str:
        raise ZeroDivisionError

    async with held(database.writer):
        tasks = await queued(database.writer.call(defect), database.writer.call(put("pc-1")))
    failed, done = await outcomes(tasks)

    assert isinstance(failed, ZeroDivisionError)
    assert done == "pc-1"
    assert stored(database_url) == {"pc-1"}


async def test_a_dry_run_answers_and_writes_nothing(database: Database, database_url: str) -> None:
    async with held(database.writer):
        tasks = await queued(
            database.writer.call(put("only-tried"), dry=True), database.writer.call(put("pc-1"))
        )

    assert await outcomes(tasks) == ["only-tried", "pc-1"]
    assert stored(database_url) == {"pc-1"}


async def test_a_dry_run_by_itself_writes_nothing_either(
    database: Database, database_url: str
) -> None:
    assert await database.writer.call(put("only-tried"), dry=True) == "only-tried"

    assert stored(database_url) == set()


async def test_a_dry_run_that_would_be_refused_is_refused(database: Database) -> None:
    await database.writer.call(put("pc-1"))

    def refuse(connection: Connection) -> str:
        if connection.execute(select(THINGS)).all():
            raise AlreadyExists("pc-1 is there")
        return "would be made"

    with pytest.raises(AlreadyExists):
        await database.writer.call(refuse, dry=True)


async def test_a_caller_who_left_before_the_work_began_gets_none(
    database: Database, database_url: str
) -> None:
    async with held(database.writer):
        leaving, staying = await queued(
            database.writer.call(put("left")), database.writer.call(put("stayed"))
        )
        leaving.cancel()
        await asyncio.wait([leaving])
    await staying

    assert leaving.cancelled()
    assert stored(database_url) == {"stayed"}


async def test_a_caller_who_leaves_during_the_work_undoes_nothing(
    database: Database, database_url: str
) -> None:
    began, left = threading.Event(), threading.Event()

    def work(connection: Connection) -> None:
        put("pc-1")(connection)
        began.set()
        left.wait()

    (leaving,) = await queued(database.writer.call(work))
    await asyncio.to_thread(began.wait)
    leaving.cancel()
    await asyncio.wait([leaving])
    left.set()
    await database.writer.call(put("pc-2"))

    assert stored(database_url) == {"pc-1", "pc-2"}


async def test_more_than_1024_that_wait_are_refused_until_there_is_room(
    database: Database, database_url: str
) -> None:
    names = [f"pc-{number:04}" for number in range(1023)]
    async with held(database.writer):  # the one that holds the lane counts too
        tasks = await queued(*(database.writer.gather(put_all, name) for name in names))
        one_too_many = await queued(database.writer.call(put("one-too-many")))
    await outcomes(tasks)
    (refused,) = await outcomes(one_too_many)

    assert isinstance(refused, ResourceExhausted)
    assert refused.reason == "QUOTA"
    assert refused.metadata == {"limit": "1024"}
    assert refused.retry_after_seconds == 1
    assert stored(database_url) == set(names)
    assert await database.writer.call(put("room-again")) == "room-again"


async def test_closing_finishes_what_waits(database: Database, database_url: str) -> None:
    async with held(database.writer):
        tasks = await queued(*(database.writer.call(put(f"pc-{number}")) for number in range(3)))
        (closing,) = await queued(database.writer.close())
    await closing

    assert await outcomes(tasks) == ["pc-0", "pc-1", "pc-2"]
    assert stored(database_url) == {"pc-0", "pc-1", "pc-2"}


async def test_what_is_submitted_while_closing_is_refused(database: Database) -> None:
    async with held(database.writer):
        (closing,) = await queued(database.writer.close())
        late = await outcomes(
            await queued(database.writer.call(put("pc-1")), database.writer.gather(put_all, "pc-2"))
        )
    await closing

    assert [type(one) for one in late] == [Unavailable, Unavailable]
