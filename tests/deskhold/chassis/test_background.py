"""Nothing beside a call ends a service: what fails is logged, counted and started again."""

from __future__ import annotations

import asyncio
import io
import json
import os
import signal
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import structlog
from google.protobuf.message import Message
from grpc_health.v1 import health_pb2, health_pb2_grpc
from prometheus_client import CollectorRegistry

from deskhold.api.rbac.v1.scopes_pb2 import ListScopesRequest, ListScopesResponse
from deskhold.chassis.background import Supervisor, Task
from deskhold.embedded.paths import Home
from deskhold.errors import ResourceExhausted
from tests.deskhold.chassis.carrier import Carrier

Fail = Callable[[], Awaitable[None]]


class Failing:
    """A task that fails so many times and then runs."""

    def __init__(self, fail: Fail, times: int = 1) -> None:
        self._fail = fail
        self._times = times
        self.runs = 0
        self.recovered = asyncio.Event()

    async def run(self) -> None:
        self.runs += 1
        if self.runs <= self._times:
            await self._fail()
            return
        self.recovered.set()
        await asyncio.Event().wait()


async def refuse() -> None:
    raise ResourceExhausted("1024 requests wait for the database already; retry later")


async def break_down() -> None:
    raise ZeroDivisionError("a defect")


async def end() -> None:
    """Return, as no task should."""


async def wait_for_what_is_cancelled() -> None:
    other = asyncio.create_task(asyncio.sleep(3600))
    asyncio.get_running_loop().call_soon(other.cancel)
    await other


class Watched:
    """A supervisor, its log and its metrics."""

    def __init__(self) -> None:
        self.log = io.BytesIO()
        self.registry = CollectorRegistry()
        logger = structlog.wrap_logger(
            structlog.BytesLogger(self.log),
            processors=[
                structlog.processors.format_exc_info,
                structlog.processors.JSONRenderer(lambda value, **_: json.dumps(value).encode()),
            ],
            wrapper_class=structlog.make_filtering_bound_logger(0),
        )
        self.supervisor = Supervisor(logger, self.registry, first_pause=0.001, longest_pause=0.01)

    @property
    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.log.getvalue().splitlines()]

    def restarts(self, task: str) -> float | None:
        return self.registry.get_sample_value("deskhold_task_restarts_total", {"task": task})


@pytest.mark.parametrize(
    ("fail", "named"),
    [
        (refuse, "ResourceExhausted"),
        (break_down, "ZeroDivisionError"),
        (end, "RuntimeError"),
        (wait_for_what_is_cancelled, "CancelledError"),
    ],
)
async def test_a_task_that_ends_is_logged_counted_and_started_again(fail: Fail, named: str) -> None:
    watched, task = Watched(), Failing(fail, times=3)

    watched.supervisor.start(Task("tail", task.run))
    await task.recovered.wait()
    await watched.supervisor.stop()

    assert watched.restarts("tail") == 3
    assert [line["task"] for line in watched.lines] == ["tail"] * 3
    assert all(named in line["exception"] for line in watched.lines)


async def test_pauses_grow_while_a_task_keeps_failing_and_have_a_bound() -> None:
    watched, task = Watched(), Failing(break_down, times=40)

    watched.supervisor.start(Task("tail", task.run))
    await task.recovered.wait()
    await watched.supervisor.stop()

    pauses = [line["pause_seconds"] for line in watched.lines]
    assert pauses[0] <= 0.001
    assert all(0.004 < pause <= 0.01 for pause in pauses[5:])


async def test_a_task_that_fails_leaves_the_others_alone() -> None:
    watched, failing, healthy = Watched(), Failing(break_down, times=3), Failing(end, times=0)

    watched.supervisor.start(Task("failing", failing.run), Task("healthy", healthy.run))
    await failing.recovered.wait()
    await watched.supervisor.stop()

    assert (healthy.runs, watched.restarts("healthy")) == (1, 0)


async def test_tasks_end_with_the_supervisor_after_what_they_have_to_finish() -> None:
    watched, steps = Watched(), []

    async def run() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            steps.append("finished")

    watched.supervisor.start(Task("recorder", run))
    await asyncio.sleep(0)
    await watched.supervisor.stop()

    assert steps == ["finished"]
    assert watched.lines == []


@pytest.mark.parametrize("fail", [refuse, break_down])
async def test_a_server_serves_on_when_a_background_task_fails(laid: Home, fail: Fail) -> None:
    own, task = Carrier(laid), Failing(fail)
    serving = asyncio.create_task(own.server.serve_until_told(Task("tail", task.run)))
    await task.recovered.wait()

    health: Any = health_pb2_grpc.HealthStub(own.channel)
    said = await health.Check(health_pb2.HealthCheckRequest(), wait_for_ready=True)
    answer: Message = await own.call(ListScopesRequest(parent="/"))

    assert said.status == health_pb2.HealthCheckResponse.SERVING
    assert answer == ListScopesResponse()
    os.kill(os.getpid(), signal.SIGTERM)
    await serving
    assert own.lines[-1]["event"] == "drained"
    await own.channel.close()
