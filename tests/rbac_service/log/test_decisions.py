"""The decision log: complete where it promises to be, bounded everywhere."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from prometheus_client import CollectorRegistry
from sqlalchemy import Connection, func, select

from deskhold.chassis.paging import Page
from deskhold.errors import Unavailable
from rbac_service.access.rules import Decision, Question
from rbac_service.log.decision_rules import DecisionFilter, StoredDecision, is_mutation
from rbac_service.log.decisions import DecisionLog
from rbac_service.log.usecases import Audit
from rbac_service.tables import decisions
from tests.rbac_service.deployments import Deployment

READ, WRITE = "deskhold.resources/hosts/read", "deskhold.resources/hosts/write"


def ask(
    log: DecisionLog, name: str, action: str = WRITE, *, allowed: bool = True, who: str = "bob@x"
) -> None:
    log.record(
        name,
        "user:alice@x",
        Question((f"user:{who}", "group:g"), action, "/"),
        Decision(allowed, "e", 1, "id" if allowed else "", "/" if allowed else ""),
    )


def make(deployment: Deployment, **limits: Any) -> DecisionLog:
    return DecisionLog(deployment.database, CollectorRegistry(), **limits)


async def kept(deployment: Deployment, **wanted: Any) -> list[StoredDecision]:
    return await Audit(deployment.database).list_decisions(
        DecisionFilter(**wanted), Page(1000, None)
    )


@pytest.mark.parametrize(
    ("action", "expected"),
    [
        ("deskhold.resources/hosts/write", True),
        ("deskhold.resources/hosts/delete", True),
        ("deskhold.resources/appGroups/connect/action", True),
        ("deskhold.resources/hosts/read", False),
        ("deskhold.resources/hosts/READ", False),
        ("deskhold.authorization/checkAccess/action", False),
    ],
)
def test_a_mutation_is_all_but_reading_and_asking(action: str, expected: bool) -> None:
    assert is_mutation(action) is expected


async def test_denials_and_mutations_are_all_kept_and_reads_by_chance(
    deployment: Deployment,
) -> None:
    draws = iter([0.5, 0.001])
    log = make(deployment, chance=lambda: next(draws))
    ask(log, "written", WRITE)
    ask(log, "denied-read", READ, allowed=False)
    ask(log, "read", READ)
    ask(log, "read-drawn", READ)
    await log.queue.flush()
    assert [one.decision_id for one in await kept(deployment)] == [
        "read-drawn",
        "denied-read",
        "written",
    ]


async def test_a_decision_is_kept_as_it_was_taken(deployment: Deployment) -> None:
    log = make(deployment, clock_us=lambda: 17)
    ask(log, "d-1")
    await log.queue.flush()
    (one,) = await kept(deployment)
    assert (one.decision_id, one.time_us, one.caller) == ("d-1", 17, "user:alice@x")
    assert (one.principal, one.action, one.scope) == ("user:bob@x", WRITE, "/")
    assert (one.allowed, one.revision, one.role_assignment) == (True, 1, "roleAssignments/id")


async def test_the_lists_filters_all_hold(deployment: Deployment) -> None:
    log = make(deployment)
    ask(log, "d-1", who="bob@x")
    ask(log, "d-2", who="bob@x", allowed=False)
    ask(log, "d-3", who="carol@x", allowed=False)
    await log.queue.flush()

    async def ids(**wanted: Any) -> list[str]:
        return [one.decision_id for one in await kept(deployment, **wanted)]

    assert await ids(decision_id="d-2") == ["d-2"]
    assert await ids(principal="user:bob@x") == ["d-2", "d-1"]
    assert await ids(denied_only=True) == ["d-3", "d-2"]
    assert await ids(denied_only=True, principal="user:bob@x") == ["d-2"]


async def test_what_does_not_fit_into_the_queue_is_counted_and_not_waited_for(
    deployment: Deployment,
) -> None:
    registry = CollectorRegistry()
    log = DecisionLog(deployment.database, registry, queued=2)
    for number in range(5):
        ask(log, f"d-{number}")
    assert log.dropped_count == 3
    assert registry.get_sample_value("deskhold_decisions_dropped_total") == 3
    await log.queue.flush()
    assert [one.decision_id for one in await kept(deployment)] == ["d-1", "d-0"]


async def test_a_queue_that_fills_is_written_before_it_is_full(deployment: Deployment) -> None:
    log = make(deployment, queued=100)
    writing = asyncio.create_task(log.queue.run())

    for number in range(500):
        ask(log, f"d-{number}")
        while number % 50 == 49 and not await kept(deployment, decision_id=f"d-{number}"):
            continue
    writing.cancel()

    assert log.dropped_count == 0


async def test_a_store_that_does_not_answer_loses_nothing_that_still_fits(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = make(deployment)
    ask(log, "d-1")

    async def down(*_: Any, **__: Any) -> None:
        raise Unavailable("down")

    with monkeypatch.context() as broken:
        broken.setattr(deployment.database, "write", down)
        with pytest.raises(Unavailable):
            await log.queue.flush()
    await log.queue.flush()
    assert [one.decision_id for one in await kept(deployment)] == ["d-1"]
    assert log.dropped_count == 0


async def test_decisions_whose_answer_was_lost_are_kept_once(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = make(deployment)
    write = deployment.database.write

    async def lose(*arguments: Any, **named: Any) -> None:
        await write(*arguments, **named)
        raise Unavailable("the connection was lost during the commit")

    ask(log, "d-1")
    ask(log, "d-2")
    with monkeypatch.context() as broken:
        broken.setattr(deployment.database, "write", lose)
        with pytest.raises(Unavailable):
            await log.queue.flush()
    await log.queue.flush()

    assert [one.decision_id for one in await kept(deployment)] == ["d-2", "d-1"]


async def test_decisions_are_kept_once_although_their_reader_leaves(
    deployment: Deployment,
) -> None:
    log = make(deployment)
    ask(log, "d-1")
    for turns in range(20):
        reader = asyncio.create_task(log.queue.flush())
        for _ in range(turns):
            await asyncio.sleep(0)
        reader.cancel()
        await asyncio.gather(reader, return_exceptions=True)
    await log.queue.flush()

    assert [one.decision_id for one in await kept(deployment)] == ["d-1"]


async def test_the_table_shrinks_to_its_bound_in_small_steps(deployment: Deployment) -> None:
    def count(connection: Connection) -> int:
        return int(connection.execute(select(func.count()).select_from(decisions)).scalar_one())

    unbounded, bounded = make(deployment), make(deployment, kept=20)
    for number in range(100):
        ask(unbounded, f"old-{number}")
    await unbounded.queue.flush()
    sizes = []
    for number in range(10):
        for part in range(10):
            ask(bounded, f"new-{number}-{part}")
        await bounded.queue.flush()
        sizes.append(await deployment.database.read(count))
    assert sizes == [90, 80, 70, 60, 50, 40, 30, 20, 20, 20]
    assert (await kept(deployment))[0].decision_id == "new-9-9"


async def test_texts_that_are_too_long_are_cut_rather_than_lost(deployment: Deployment) -> None:
    log = make(deployment)
    ask(log, "d" * 100, "a" * 300 + "/write", who="b" * 700 + "@x")
    await log.queue.flush()
    (one,) = await kept(deployment)
    assert (len(one.decision_id), len(one.action), len(one.principal)) == (64, 256, 600)
