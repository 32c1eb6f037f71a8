"""The trace that a client's calls belong to (W3C Trace Context): a header, nothing more.

An application that uses OpenTelemetry has its current span continued by the services. The command
line continues the trace of `TRACEPARENT`, which whatever started it may set. Without either nothing
is sent, and OpenTelemetry is not even imported.
"""

from __future__ import annotations

import re
import sys
from typing import Final

HEADER: Final = "traceparent"
_FORM: Final = re.compile(r"00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")
_inherited = ""


def inherit(traceparent: str) -> None:
    """Let calls of this process belong to a trace that began outside; a malformed one is ignored.

    Args:
        traceparent: As the header has it; empty: none.
    """
    global _inherited  # noqa: PLW0603 - it is the process that was started within the trace
    _inherited = traceparent if _FORM.fullmatch(traceparent) else ""


def outgoing() -> tuple[tuple[str, str], ...]:
    """Return the header that goes with a call; nothing when it belongs to no trace."""
    if trace := sys.modules.get("opentelemetry.trace"):
        context = trace.get_current_span().get_span_context()
        if context.is_valid:
            return ((HEADER, traceparent(context.trace_id, context.span_id, context.trace_flags)),)
    return ((HEADER, _inherited),) if _inherited else ()


def traceparent(trace_id: int, span_id: int, flags: int) -> str:
    """Return the header of a span."""
    return f"00-{trace_id:032x}-{span_id:016x}-{flags:02x}"
