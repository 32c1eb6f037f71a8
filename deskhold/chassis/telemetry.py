"""One structured line and one counter per call.

Metric names are the ones stock gRPC dashboards know. Tokens and message contents are never logged.
"""

from __future__ import annotations

import logging
import sys
import time
from functools import lru_cache
from typing import Any

import grpc
import orjson
import structlog
from google.protobuf.message import Message
from prometheus_client import CollectorRegistry, Counter, Histogram

from deskhold.chassis.calls import Call, Handler, Method
from deskhold.chassis.lines import Lines

_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)


def configure_logging(service: str, level: str) -> structlog.typing.FilteringBoundLogger:
    """Send structured lines, one JSON object each, to standard error and return the logger."""
    lines = Lines(sys.stderr.buffer)
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level]),
        processors=[_line],
        logger_factory=lambda *_: lines,
        cache_logger_on_first_use=True,
    )
    # Bound now: what `get_logger` returns would look the configuration up for every line.
    logger: structlog.typing.FilteringBoundLogger = structlog.get_logger(service=service).bind()
    return logger


class Telemetry:
    """The outermost layer.

    Args:
        logger: Where the lines go.
        registry: Where the metrics are kept.
    """

    def __init__(
        self, logger: structlog.typing.FilteringBoundLogger, registry: CollectorRegistry
    ) -> None:
        self._logger = logger
        labels = ("grpc_service", "grpc_method")
        self._handled = Counter(
            "grpc_server_handled_total",
            "Calls completed, by code.",
            (*labels, "grpc_code"),
            registry=registry,
        )
        self._seconds = Histogram(
            "grpc_server_handling_seconds",
            "Time from arrival to answer.",
            labels,
            registry=registry,
            buckets=_BUCKETS,
        )

    def layer(self, method: Method, handler: Handler) -> Handler:
        """Count and log every call of a method."""
        service, _, name = method.full_name.partition("/")
        seconds = self._seconds.labels(service, name)
        ok = self._handled.labels(service, name, grpc.StatusCode.OK.name)

        async def counted(request: Message, call: Call) -> Message:
            try:
                return await handler(request, call)
            except BaseException:
                # Cancelled by the caller or by its deadline: no layer below could set the code.
                if call.code is grpc.StatusCode.OK:
                    call.code = grpc.StatusCode.CANCELLED
                raise
            finally:
                duration = time.monotonic() - call.started
                seconds.observe(duration)
                if call.code is grpc.StatusCode.OK:
                    ok.inc()
                else:
                    self._handled.labels(service, name, call.code.name).inc()
                self._log(call, duration)

        return counted

    def _log(self, call: Call, duration: float) -> None:
        fields: dict[str, Any] = {
            "method": call.method.name,
            "code": call.code.name,
            "ms": round(duration * 1000, 3),
            "request_id": call.request_id,
        }
        if call.caller is not None:
            fields["caller"] = call.caller.key
        if call.grant.decision_id:
            fields["decision"] = call.grant.decision_id
        if call.reason:
            fields["reason"] = call.reason
        self._logger.info("call", **fields)


def _line(logger: Any, level: str, event: structlog.typing.EventDict) -> bytes:
    """Return an event as it is written; one step, since each call has a line and pays for each."""
    seconds, nanoseconds = divmod(time.time_ns(), 1_000_000_000)
    event["level"] = level
    event["timestamp"] = f"{_second(seconds)}.{nanoseconds // 1000:06}Z"
    if "exc_info" in event:
        event = structlog.processors.format_exc_info(logger, level, event)
    return orjson.dumps(event, default=repr)


@lru_cache(maxsize=1)
def _second(seconds: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds))
