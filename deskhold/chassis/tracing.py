"""Traces: spans of calls, checks and transactions, exported by OTLP; off unless a setting says so.

While it is off no layer is added, `span` returns one object that does nothing, and OpenTelemetry is
not imported. The context of callers is W3C Trace Context, and goes on to rbac. A trace that its
caller samples is sampled here; of the others a share is.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import TYPE_CHECKING, Any, Final

from google.protobuf.message import Message

from deskhold import tracing
from deskhold.chassis.calls import Call, Handler, Method
from deskhold.chassis.settings import SettingsError

if TYPE_CHECKING:
    from opentelemetry.trace import SpanContext, Tracer

_OFF: Final = nullcontext()
_tracer: Tracer | None = None
_provider: Any = None


def start(service: str, endpoint: str, share: float) -> None:
    """Export spans from now on.

    Args:
        service: The service's name in the traces.
        endpoint: `http://host:port` or `https://host:port` of an OTLP receiver (gRPC).
        share: Which share of the traces that begin here is sampled, from 0 to 1.

    Raises:
        SettingsError: OpenTelemetry is not installed.
    """
    global _tracer, _provider  # noqa: PLW0603 - OpenTelemetry, too, is the process's
    try:
        from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
        from opentelemetry.sdk.trace.sampling import ParentBasedTraceIdRatio
    except ImportError as error:
        raise SettingsError(
            "traces need OpenTelemetry; install deskhold[server,tracing], or unset"
            " DESKHOLD_TRACES_ENDPOINT"
        ) from error
    resource = Resource.create({"service.name": f"deskhold-{service}"})
    _provider = TracerProvider(resource=resource, sampler=ParentBasedTraceIdRatio(share))
    _provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=endpoint)))
    _tracer = _provider.get_tracer("deskhold")


def stop() -> None:
    """Export what waits, and nothing from now on; may take seconds when the receiver is away."""
    global _tracer, _provider  # noqa: PLW0603
    if _provider is not None:
        _provider.shutdown()
    _tracer = _provider = None


def is_on() -> bool:
    """Say whether spans are exported."""
    return _tracer is not None


def span(name: str) -> AbstractContextManager[Any]:
    """Return a span within the current one, for a `with` statement."""
    return _OFF if _tracer is None else _tracer.start_as_current_span(name)


def here() -> SpanContext | None:
    """Return the current span's context; None: there is none."""
    if _tracer is None:
        return None
    from opentelemetry import trace

    context = trace.get_current_span().get_span_context()
    return context if context.is_valid else None


def joint_span(name: str, parents: Sequence[SpanContext | None]) -> AbstractContextManager[Any]:
    """Return the span of work for several traces: within the first, linked to the others."""
    known = [one for one in parents if one is not None]
    if _tracer is None or not known:
        return _OFF
    from opentelemetry import trace

    within = trace.set_span_in_context(trace.NonRecordingSpan(known[0]))
    links = [trace.Link(one) for one in known[1:]]
    return _tracer.start_as_current_span(
        name, context=within, kind=trace.SpanKind.CLIENT, links=links
    )


def headers() -> tuple[tuple[str, str], ...]:
    """Return what goes with a call to another service, so that it belongs to this trace."""
    return () if _tracer is None else tracing.outgoing()


def layer(method: Method, handler: Handler) -> Handler:
    """Give every call of a method a span, within its caller's."""

    async def traced(request: Message, call: Call) -> Message:
        with _call_span(method, call):
            return await handler(request, call)

    return traced


@contextmanager
def _call_span(method: Method, call: Call) -> Iterator[None]:
    from opentelemetry import trace
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    if _tracer is None:
        yield
        return
    carrier = {key: str(value) for key, value in call.metadata if key == tracing.HEADER}
    service, _, name = method.full_name.partition("/")
    attributes = {
        "rpc.system": "grpc",
        "rpc.service": service,
        "rpc.method": name,
        "deskhold.request_id": call.request_id,
    }
    with _tracer.start_as_current_span(
        method.full_name,
        context=TraceContextTextMapPropagator().extract(carrier),
        kind=trace.SpanKind.SERVER,
        attributes=attributes,
        # A refusal is an answer; what it was is in the attributes.
        record_exception=False,
        set_status_on_exception=False,
    ) as one:
        try:
            yield
        finally:
            one.set_attribute("rpc.grpc.status_code", call.code.value[0])
            one.set_attribute("deskhold.decision", call.grant.decision_id)
            if call.reason:
                one.set_attribute("deskhold.reason", call.reason)
