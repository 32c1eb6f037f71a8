from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
import urllib.request
from collections.abc import AsyncIterator, Coroutine, Generator
from typing import Any, cast

import pytest
import structlog
from google.protobuf.empty_pb2 import Empty
from google.protobuf.message import Message
from prometheus_client import CollectorRegistry

from deskhold.api.rbac.v1.scopes_pb2 import (
    CreateScopeRequest,
    GetScopeRequest,
    ListScopesRequest,
    Scope,
)
from deskhold.chassis.calls import Call, Method
from deskhold.chassis.telemetry import Telemetry
from deskhold.embedded.paths import Home
from deskhold.errors import (
    DeadlineExceeded,
    DeskholdError,
    InvalidArgument,
    PermissionDenied,
    Unauthenticated,
)
from tests.deskhold.chassis.carrier import ENG, READ, Carrier, Holding
from tests.ports import held_ports


@pytest.fixture
async def measured(laid: Home) -> AsyncIterator[Carrier]:
    """A server whose metrics can be scraped; stopped already when a test looks at its log."""
    made = Carrier(laid, metrics_listen=f"127.0.0.1:{held_ports()}", drain_seconds=0.1)
    await made.server.start()
    yield made
    await made.channel.close()


async def calls(carrier: Carrier) -> list[dict[str, Any]]:
    """Return what was logged of each call, once all have ended."""
    await carrier.server.stop()
    return [line for line in carrier.lines if line["event"] == "call"]


def scrape(address: str) -> list[str]:
    """Return the metrics, as Prometheus gets them."""
    with urllib.request.urlopen(f"http://{address}/metrics") as reply:
        return str(reply.read(), "utf-8").splitlines()


async def test_a_call_is_one_line(measured: Carrier) -> None:
    measured.authorizer.actions.add(READ)
    alice = ("authorization", f"Bearer {measured.tokens.of()}")
    await measured.call(GetScopeRequest(name=ENG), metadata=(alice, ("x-request-id", "r-1")))

    (line,) = await calls(measured)

    assert line.pop("ms") >= 0
    assert line.pop("time_ns") > 0
    assert line == {
        "event": "call",
        "method": "ScopeService/GetScope",
        "code": "OK",
        "request_id": "r-1",
        "caller": "user:alice@contoso.com",
        "decision": "d-17",
    }


async def test_a_line_is_of_the_time_at_which_its_call_ended(measured: Carrier) -> None:
    begin = time.time_ns()
    await measured.call(ListScopesRequest(parent="/"))
    end = time.time_ns()

    (line,) = await calls(measured)

    assert begin < line["time_ns"] < end


def test_a_line_shows_when_it_happened_in_utc() -> None:
    code = (
        "from deskhold.chassis.telemetry import configure_logging;"
        " configure_logging('rbac', 'INFO').info('call', time_ns=1_795_311_066_105_617_356)"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)

    assert json.loads(ran.stderr) == {
        "service": "rbac",
        "event": "call",
        "level": "info",
        "timestamp": "2026-11-22T01:31:06.105617Z",
    }


def test_the_level_below_which_lines_are_dropped_can_change() -> None:
    code = (
        "from deskhold.chassis.telemetry import configure_logging, set_log_level\n"
        "logger = configure_logging('rbac', 'WARNING')\n"
        "for level in ('INFO', 'ERROR'):\n"
        "    logger.info('before ' + level)\n"
        "    set_log_level(level)\n"
        "    logger.info('after ' + level)\n"
        "    logger.error('error at ' + level)\n"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)

    said = [json.loads(line)["event"] for line in ran.stderr.splitlines()]
    assert said == ["after INFO", "error at INFO", "before ERROR", "error at ERROR"]


async def test_calls_are_lines_and_counted_while_the_server_runs(measured: Carrier) -> None:
    await measured.call(ListScopesRequest(parent="/"))

    async with asyncio.timeout(30):
        while not any(line["event"] == "call" for line in measured.lines):  # noqa: ASYNC110
            await asyncio.sleep(0.005)
    scraped = await asyncio.to_thread(scrape, measured.settings.metrics_listen)
    await measured.server.stop()

    assert any("grpc_server_handled_total" in line and line.endswith(" 1.0") for line in scraped)


class Forever:
    def __await__(self) -> Generator[None, None, None]:
        while True:
            yield


def test_a_call_that_ends_after_its_server_is_told_at_once() -> None:
    registry = CollectorRegistry()
    method = Method("deskhold.Service/Wait", Empty)

    async def wait(_: Message, __: Call) -> Message:
        await Forever()
        return Empty()

    with structlog.testing.capture_logs() as lines:
        telemetry = Telemetry(structlog.get_logger(), registry)
        counted = telemetry.layer(method, wait)
        call = Call(method, cast(Any, None), "r-1", time.monotonic())
        waiting = cast("Coroutine[Any, Any, Message]", counted(Empty(), call))
        waiting.send(None)
        telemetry.close()
        waiting.close()

    assert [(line["request_id"], line["code"]) for line in lines] == [("r-1", "CANCELLED")]
    labels = {"grpc_service": "deskhold.Service", "grpc_method": "Wait", "grpc_code": "CANCELLED"}
    assert registry.get_sample_value("grpc_server_handled_total", labels) == 1


async def test_refusals_are_lines_too_with_their_reasons(measured: Carrier) -> None:
    with pytest.raises(Unauthenticated):
        await measured.call(GetScopeRequest(name=ENG), metadata=())
    with pytest.raises(PermissionDenied):
        await measured.call(GetScopeRequest(name=ENG))
    with pytest.raises(InvalidArgument):
        await measured.call(ListScopesRequest(parent="/", page_size=-1))

    assert [(line["code"], line["reason"]) for line in await calls(measured)] == [
        ("UNAUTHENTICATED", "CREDENTIAL_MISSING"),
        ("PERMISSION_DENIED", "ACTION_DENIED"),
        ("INVALID_ARGUMENT", "FIELD_VIOLATION"),
    ]


async def test_a_call_whose_caller_left_is_a_cancelled_one(measured: Carrier) -> None:
    measured.behave = holding = Holding()
    with pytest.raises(DeadlineExceeded):
        await measured.call(ListScopesRequest(parent="/"), timeout=0.1)
    await holding.cancelled.wait()

    (line,) = await calls(measured)

    assert line["code"] == "CANCELLED"


async def test_a_call_that_outlasts_the_drain_is_a_line_too(measured: Carrier) -> None:
    measured.behave = holding = Holding()
    waiting = asyncio.create_task(measured.call(ListScopesRequest(parent="/")))
    await holding.began.wait()
    stopping = asyncio.create_task(measured.server.stop())
    await holding.cancelled.wait()
    await stopping
    with pytest.raises(DeskholdError):
        await waiting

    (line,) = (line for line in measured.lines if line["event"] == "call")

    assert (line["method"], line["code"]) == ("ScopeService/ListScopes", "CANCELLED")


async def test_tokens_are_never_logged(measured: Carrier) -> None:
    token = measured.tokens.of()
    await measured.call(
        ListScopesRequest(parent="/"), metadata=(("authorization", f"Bearer {token}"),)
    )
    with pytest.raises(Unauthenticated):
        await measured.call(
            ListScopesRequest(parent="/"), metadata=(("authorization", f"Bearer {token}x"),)
        )
    await measured.server.stop()

    assert token not in measured.log.getvalue().decode()


async def test_calls_are_counted_by_method_and_code(measured: Carrier) -> None:
    for _ in range(2):
        await measured.call(ListScopesRequest(parent="/"))
    with pytest.raises(PermissionDenied):
        await measured.call(GetScopeRequest(name=ENG))
    await measured.server.stop()

    scraped = await asyncio.to_thread(scrape, measured.settings.metrics_listen)

    service = 'grpc_service="deskhold.api.rbac.v1.ScopeService"'
    for counted in (
        f'grpc_server_handled_total{{grpc_code="OK",grpc_method="ListScopes",{service}}} 2.0',
        f'grpc_server_handled_total{{grpc_code="PERMISSION_DENIED",grpc_method="GetScope",{service}}}'
        " 1.0",
        f'grpc_server_handling_seconds_count{{grpc_method="ListScopes",{service}}} 2.0',
    ):
        assert counted in scraped


async def test_reads_that_succeed_are_sampled_and_nothing_else_is(laid: Home) -> None:
    unsampled = Carrier(laid, logged_reads=0.0, drain_seconds=0.1)
    await unsampled.server.start()

    await unsampled.call(ListScopesRequest(parent="/"))
    await unsampled.call(CreateScopeRequest(scope=Scope(name="/x")))
    with pytest.raises(PermissionDenied):
        await unsampled.call(GetScopeRequest(name=ENG))
    await unsampled.close()

    told = [(line["method"], line["code"]) for line in unsampled.lines if line["event"] == "call"]
    assert told == [
        ("ScopeService/CreateScope", "OK"),
        ("ScopeService/GetScope", "PERMISSION_DENIED"),
    ]
