"""Set-based operations, on both databases: batches by key."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from itertools import groupby

from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from deskhold.chassis.db import Database
from deskhold.chassis.db.queue import MOST_IN_LANE
from deskhold.errors import AlreadyExists, ResourceExhausted, Unavailable
from tests.deskhold.chassis.db.gates import Gate, outcomes, queued
from tests.deskhold.chassis.things import put_all, stored


async def test_arguments_that_arrive_in_one_turn_of_the_loop_run_as_one(
    database: Database,
) -> None:
    sizes: list[int] = []

    def count(_: Connection, numbers: Sequence[int]) -> Sequence[int]:
        sizes.append(len(numbers))
        return numbers

    await asyncio.gather(*(database.gather("eng", count, number) for number in range(30)))

    assert sizes == [30]


async def test_arguments_that_wait_for_a_batch_make_the_next_ones_of_64_at_most(
    database: Database,
) -> None:
    gate = Gate()
    (first,) = await queued(database.gather("eng", gate, -1))
    await gate.reached()
    rest = await queued(*(database.gather("eng", gate, number) for number in range(100)))
    gate.open()

    assert await outcomes([first, *rest]) == list(range(-1, 100))
    assert [len(batch) for batch in gate.batches] == [1, 64, 36]


async def test_lookups_are_gathered_too(database: Database) -> None:
    sizes: list[int] = []

    def count(_: Connection, numbers: Sequence[int]) -> Sequence[int]:
        sizes.append(len(numbers))
        return numbers

    await asyncio.gather(*(database.lookup("eng", count, number) for number in range(30)))

    assert sizes == [30]


async def test_keys_do_not_wait_for_each_other(database: Database) -> None:
    gate = Gate()
    (slow,) = await queued(database.lookup("slow", gate, 1))
    await gate.reached()

    assert await database.lookup("quick", gate, 2) == 2

    gate.open()
    assert await slow == 1


async def test_one_argument_that_an_operation_refuses_fails_alone(
    database: Database, database_url: str
) -> None:
    tasks = await queued(
        *(database.gather("eng", put_all, name) for name in ("pc-1", "taken", "pc-2"))
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

    names = ("pc-1", "pc-1", "pc-2")
    told = await outcomes(
        await queued(*(database.gather("eng", count_and_put, name) for name in names))
    )

    # PostgreSQL's rows may come and go by other processes, so it is asked more than once.
    assert [size for size, _ in groupby(sizes)] == [3, 1]
    assert told[2] == "pc-2"
    assert {type(one) for one in told[:2]} == {str, IntegrityError}
    assert stored(database_url) == {"pc-1", "pc-2"}


async def test_a_defect_reaches_every_caller_whose_it_is(database: Database) -> None:
    def divide(_: Connection, numbers: Sequence[int]) -> Sequence[float]:
        return [1 / number for number in numbers]

    told = await outcomes(await queued(*(database.gather("eng", divide, n) for n in (1, 0, 2))))

    assert (told[0], told[2]) == (1.0, 0.5)
    assert isinstance(told[1], ZeroDivisionError)


async def test_an_argument_whose_caller_has_left_is_dropped(database: Database) -> None:
    gate = Gate()
    (first,) = await queued(database.gather("eng", gate, 0))
    await gate.reached()
    leaving, staying = await queued(*(database.gather("eng", gate, n) for n in (1, 2)))
    leaving.cancel()
    gate.open()

    assert await outcomes([first, staying]) == [0, 2]
    assert gate.batches == [[0], [2]]


async def test_a_batch_that_every_caller_has_left_is_undone(
    database: Database, database_url: str
) -> None:
    began, left = threading.Event(), threading.Event()

    def put_slowly(connection: Connection, names: Sequence[str]) -> Sequence[object]:
        put_all(connection, names)
        began.set()
        left.wait()
        return names

    leaving = await queued(*(database.gather("eng", put_slowly, name) for name in ("a", "b")))
    await asyncio.to_thread(began.wait)
    for one in leaving:
        one.cancel()
    await asyncio.wait(leaving)
    await asyncio.sleep(0)  # the batch is cancelled at the next turn
    left.set()
    await database.gather("eng", put_all, "c")
    await database.close()

    assert stored(database_url) == {"c"}


async def test_more_arguments_than_a_key_may_hold_are_refused_until_there_is_room(
    database: Database,
) -> None:
    gate = Gate()
    (first,) = await queued(database.gather("eng", gate, -1))
    await gate.reached()
    tasks = await queued(*(database.gather("eng", gate, n) for n in range(MOST_IN_LANE)))
    (refused,) = await outcomes(await queued(database.gather("eng", gate, -2)))
    gate.open()
    told = await outcomes([first, *tasks])

    assert isinstance(refused, ResourceExhausted)
    assert refused.reason == "QUOTA"
    assert refused.metadata == {"limit": "1024"}
    assert refused.retry_after_seconds == 1
    assert told == list(range(-1, MOST_IN_LANE))
    assert await database.gather("eng", gate, 7) == 7


async def test_a_database_that_is_away_is_not_asked_one_by_one() -> None:
    database = Database("postgresql+psycopg://nobody@127.0.0.1:1/nothing")
    gate = Gate()
    gate.open()

    told = await outcomes(await queued(*(database.gather("eng", gate, n) for n in range(3))))

    assert [type(one) for one in told] == [Unavailable] * 3
    assert gate.batches == []
    await database.close()
