"""Readiness turns while something is away and turns back; liveness only says that we run."""

from __future__ import annotations

import asyncio
import os
import signal
import urllib.error
import urllib.request
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import structlog
from grpc_health.v1 import health_pb2, health_pb2_grpc
from prometheus_client import CollectorRegistry

from deskhold.api.rbac.v1.scopes_pb2 import ListScopesRequest, ListScopesResponse
from deskhold.chassis import readiness
from deskhold.chassis.db import Database
from deskhold.chassis.monitoring import MonitoringServer
from deskhold.chassis.readiness import Check, NotReadyError, Readiness, database_check
from deskhold.embedded.paths import Home
from deskhold.errors import ResourceExhausted
from tests.databases import PostgresqlServer
from tests.deskhold.chassis.carrier import Carrier

SERVICE = "deskhold.api.rbac.v1.ScopeService"
SERVING = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING


class Dependency:
    """Something that a service needs."""

    def __init__(self, problem: str = "") -> None:
        self.problem = problem

    async def check(self) -> None:
        if self.problem:
            raise NotReadyError(self.problem)


@asynccontextmanager
async def serving(carrier: Carrier) -> AsyncIterator[Any]:
    """Serve as a process does; give the stub of health."""
    running = asyncio.create_task(carrier.server.serve_until_told())
    stub: Any = health_pb2_grpc.HealthStub(carrier.channel)
    await stub.Check(health_pb2.HealthCheckRequest(), wait_for_ready=True)
    try:
        yield stub
    finally:
        os.kill(os.getpid(), signal.SIGTERM)
        await running
        await carrier.channel.close()


async def until(watch: Any, wanted: Any) -> None:
    while (await watch.read()).status != wanted:
        pass


@pytest.mark.parametrize("service", ["", SERVICE])
async def test_health_turns_while_a_dependency_is_away_and_turns_back(
    laid: Home, monkeypatch: pytest.MonkeyPatch, service: str
) -> None:
    monkeypatch.setattr(readiness, "_PAUSE_SECONDS", 0.01)
    needed = Dependency("not there yet")
    carrier = Carrier(laid, checks=(Check("needed", needed.check),))
    async with serving(carrier) as health:
        watch = health.Watch(health_pb2.HealthCheckRequest(service=service))
        await until(watch, NOT_SERVING)
        needed.problem = ""
        await until(watch, SERVING)
        needed.problem = "gone"
        await until(watch, NOT_SERVING)

        answer = await carrier.call(ListScopesRequest(parent="/"))  # it serves on all the same

        needed.problem = ""
        await until(watch, SERVING)
    assert answer == ListScopesResponse()
    said = [line["problems"] for line in carrier.lines if line["event"] == "not ready"]
    assert said == [{"needed": "gone"}]


def readiness_of(*checks: Check, reports: list[bool] | None = None) -> Readiness:
    async def report(is_ready: bool) -> None:
        if reports is not None:
            reports.append(is_ready)

    return Readiness(
        checks, logger=structlog.get_logger(), registry=CollectorRegistry(), report=report
    )


async def test_a_service_is_not_ready_before_its_first_check_and_each_change_is_reported() -> None:
    needed, reports = Dependency(), list[bool]()
    one = readiness_of(Check("needed", needed.check), reports=reports)
    before = dict(one.problems)

    for problem in ("", "", "gone", "gone", ""):
        needed.problem = problem
        await one.check()

    assert before == {"needed": "not checked yet"}
    assert reports == [True, False, True]


async def test_a_check_without_an_end_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(readiness, "_LONGEST_SECONDS", 0.01)

    async def hang() -> None:
        await asyncio.Event().wait()

    one = readiness_of(Check("hung", hang), Check("well", Dependency().check))
    await one.check()

    assert one.problems == {"hung": "no answer within 0.01 s"}


async def test_a_database_that_answers_and_takes_writes_is_ready(database: Database) -> None:
    one = readiness_of(database_check(database))
    await one.check()

    assert one.problems == {}


async def test_a_busy_database_is_ready(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def full(*_: Any, **__: Any) -> None:
        raise ResourceExhausted("1024 requests wait for the database already")

    monkeypatch.setattr(database, "write", full)

    await database_check(database).run()


async def test_a_database_that_takes_no_writes_is_not_ready(postgresql: PostgresqlServer) -> None:
    url = postgresql.new(None)
    database = Database(url)

    with pytest.raises(NotReadyError, match="takes no writes"):
        await database.read(readiness.require_writable)

    await database.close()
    postgresql.drop(url)


def fetch(port: int, path: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}") as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


async def test_liveness_readiness_and_metrics_are_served_over_http() -> None:
    problems = dict[str, str]()
    server = MonitoringServer(
        "127.0.0.1:0", registry=CollectorRegistry(), problems=lambda: problems
    )
    try:
        well = await asyncio.to_thread(fetch, server.port, "/readyz")
        problems["database"] = "the database does not answer"
        sick = await asyncio.to_thread(fetch, server.port, "/readyz")
        alive = await asyncio.to_thread(fetch, server.port, "/livez")
        scraped = await asyncio.to_thread(fetch, server.port, "/metrics")
    finally:
        await asyncio.to_thread(server.close)

    assert well == (200, "ok\n")
    assert sick == (503, "database: the database does not answer\n")
    assert alive == (200, "ok\n")
    assert scraped[0] == 200
