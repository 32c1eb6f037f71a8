"""One trace from the client through the broker to rbac, as a real OTLP receiver sees it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
import pytest
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2 as pb
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2_grpc
from opentelemetry.sdk.trace import TracerProvider

from tests.broker_service.pair import DEFAULT_TENANT, OWNER, Pair
from tests.databases import Databases

BROKER, RBAC = "deskhold-broker", "deskhold-rbac"


class Receiver(trace_service_pb2_grpc.TraceServiceServicer):
    """Takes spans, as a collector does."""

    def __init__(self) -> None:
        self._spans: list[tuple[str, Any]] = []
        self._news = threading.Condition()

    def Export(self, request: Any, context: Any) -> Any:
        with self._news:
            for resource in request.resource_spans:
                names = {one.key: one.value.string_value for one in resource.resource.attributes}
                for scope in resource.scope_spans:
                    self._spans += [(names["service.name"], span) for span in scope.spans]
            self._news.notify_all()
        return pb.ExportTraceServiceResponse()

    def wait_for(self, trace_id: int, *wanted: tuple[str, str]) -> dict[tuple[str, str], Any]:
        """Return the spans of a trace by service and name, once all that are wanted are there."""
        with self._news:
            while not set(wanted) <= self._of(trace_id).keys():
                self._news.wait()
            return self._of(trace_id)

    def traces(self) -> set[bytes]:
        with self._news:
            return {span.trace_id for _, span in self._spans}

    def _of(self, trace_id: int) -> dict[tuple[str, str], Any]:
        own = trace_id.to_bytes(16, "big")
        return {(service, span.name): span for service, span in self._spans if span.trace_id == own}


@pytest.fixture(scope="module")
def receiver() -> Iterator[tuple[Receiver, int]]:
    server = grpc.server(ThreadPoolExecutor(4))
    made = Receiver()
    add: Any = trace_service_pb2_grpc.add_TraceServiceServicer_to_server  # it has no types
    add(made, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    yield made, port
    server.stop(None)


@pytest.fixture(scope="module")
def traced(
    receiver: tuple[Receiver, int],
    databases: Databases,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Pair]:
    pair = Pair.start(
        tmp_path_factory.mktemp("traced"),
        databases,
        DESKHOLD_TRACES_ENDPOINT=f"http://127.0.0.1:{receiver[1]}",
        DESKHOLD_TRACES_SHARE="0",
        OTEL_BSP_SCHEDULE_DELAY="50",
    )
    yield pair
    pair.stop()


def attributes(span: Any) -> dict[str, Any]:
    return {one.key: one.value.string_value or one.value.int_value for one in span.attributes}


def test_one_trace_leads_from_the_client_through_the_broker_to_rbac(
    receiver: tuple[Receiver, int], traced: Pair
) -> None:
    tracer = TracerProvider().get_tracer("test")
    with tracer.start_as_current_span("application") as application:
        traced.client(OWNER).create_collection(
            DEFAULT_TENANT, "eng", type="personal", host_ids=["pc-1"]
        )

    create = "deskhold.api.broker.v1.CollectionService/CreateCollection"
    batch = "deskhold.api.rbac.v1.AccessService/BatchCheckAccess"
    context = application.get_span_context()
    spans = receiver[0].wait_for(
        context.trace_id,
        (BROKER, create),
        (BROKER, "check"),
        (BROKER, "BatchCheckAccess"),
        (BROKER, "transaction"),
        (RBAC, batch),
        (RBAC, "deskhold.api.rbac.v1.ScopeService/CreateScope"),
        (RBAC, "check"),
        (RBAC, "transaction"),
    )

    assert int.from_bytes(spans[BROKER, create].parent_span_id, "big") == context.span_id
    assert spans[BROKER, "check"].parent_span_id == spans[BROKER, create].span_id
    assert spans[BROKER, "BatchCheckAccess"].parent_span_id == spans[BROKER, "check"].span_id
    assert spans[RBAC, batch].parent_span_id == spans[BROKER, "BatchCheckAccess"].span_id
    told = attributes(spans[BROKER, create])
    assert told["rpc.method"] == "CreateCollection"
    assert told["deskhold.decision"].startswith("d-")
    assert "contoso" not in str(told)


def test_what_nobody_samples_leaves_no_span(receiver: tuple[Receiver, int], traced: Pair) -> None:
    tracer = TracerProvider().get_tracer("test")
    client = traced.client(OWNER)
    client.create_scope(f"/{DEFAULT_TENANT}x")
    before = receiver[0].traces()

    client.get_scope(f"/{DEFAULT_TENANT}")
    with tracer.start_as_current_span("application") as application:
        client.get_scope(f"/{DEFAULT_TENANT}")
    trace_id = application.get_span_context().trace_id
    receiver[0].wait_for(trace_id, (RBAC, "deskhold.api.rbac.v1.ScopeService/GetScope"))

    assert receiver[0].traces() - before == {trace_id.to_bytes(16, "big")}
