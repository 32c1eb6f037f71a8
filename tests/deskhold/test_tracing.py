"""Which trace the calls of a client belong to."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

import pytest
from opentelemetry.sdk.trace import TracerProvider

from deskhold import tracing
from deskhold.channel import Endpoint, call_metadata

PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@pytest.fixture(autouse=True)
def forgotten() -> Iterator[None]:
    yield
    tracing.inherit("")


def sent() -> str | None:
    return dict(call_metadata(Endpoint("x:1", "ca.pem"), "r-1")).get("traceparent")


def test_a_call_outside_of_any_trace_sends_nothing() -> None:
    assert sent() is None


def test_the_current_span_of_an_application_is_continued() -> None:
    with TracerProvider().get_tracer("test").start_as_current_span("work") as span:
        context = span.get_span_context()

        flags = f"{context.trace_flags:02x}"
        assert sent() == f"00-{context.trace_id:032x}-{context.span_id:016x}-{flags}"
        assert context.trace_flags.sampled


def test_the_trace_that_a_process_was_started_in_is_continued() -> None:
    tracing.inherit(PARENT)

    assert sent() == PARENT


@pytest.mark.parametrize("text", ["nonsense", PARENT.upper(), PARENT + "\n", f"{PARENT}-more"])
def test_what_is_no_trace_is_ignored(text: str) -> None:
    tracing.inherit(text)

    assert sent() is None


@pytest.mark.parametrize("module", ["deskhold.client", "deskhold.chassis.server"])
def test_nothing_of_opentelemetry_is_imported_while_traces_are_off(module: str) -> None:
    code = f"import sys, {module}; print([one for one in sys.modules if 'opentelemetry' in one])"

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout == "[]\n"
