"""One structured line and one counter per call.

Metric names are the ones stock gRPC dashboards know. Tokens and message contents are never logged.

What a call leaves is put down with that of others, ten milliseconds later at the most: between the
steps of calls the processor has forgotten by the next one how it is done (measured: 5 to 10 % of
what an answer from memory costs).
"""

from __future__ import annotations

import asyncio
import logging
import random
import sys
import time
from collections.abc import Callable
from functools import lru_cache
from typing import Any, Final, NamedTuple

import grpc
import orjson
import structlog
from google.protobuf.message import Message
from prometheus_client import CollectorRegistry, Counter, Histogram

from deskhold.chassis.calls import Call, Handler, Method
from deskhold.chassis.lines import Lines
from deskhold.chassis.settings import Reader

_PATIENCE_SECONDS: Final = 0.01
# Of structlog's names, which are those of its methods.
_NUMBERS: Final = {name.lower(): number for name, number in logging.getLevelNamesMapping().items()}
_level = logging.INFO
_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)


def configure_logging(service: str, level: str) -> structlog.typing.FilteringBoundLogger:
    """Send structured lines, one JSON object each, to standard error and return the logger."""
    lines = Lines(sys.stderr.buffer)
    set_log_level(level)
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(logging.DEBUG),
        processors=[_drop_below, _line],
        logger_factory=lambda *_: lines,
        cache_logger_on_first_use=True,
    )
    # Bound now: what `get_logger` returns would look the configuration up for every line.
    logger: structlog.typing.FilteringBoundLogger = structlog.get_logger(service=service).bind()
    return logger


def set_log_level(level: str) -> None:
    """Drop the lines below a level from now on; loggers that are in use obey at once."""
    global _level  # noqa: PLW0603 - structlog's configuration, too, is the process's
    _level = logging.getLevelNamesMapping()[level]


def _drop_below(_: Any, name: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    if _NUMBERS[name] < _level:
        raise structlog.DropEvent
    return event


def warn_of_unknown(reader: Reader, logger: structlog.typing.FilteringBoundLogger) -> None:
    """Log each setting that nothing reads: misspelt, it would be left at its default in silence."""
    for sentence in reader.unknown:
        logger.warning("unknown setting", problem=sentence)


class _Series(NamedTuple):
    """What is counted of one method; nearly all of its calls are OK."""

    name: str
    service: str
    method: str
    is_read: bool
    seconds: Histogram
    ok: Counter


class _Ended(NamedTuple):
    """What is told of a call that has ended; the call itself would keep gRPC's side of it alive."""

    series: _Series
    code: grpc.StatusCode
    seconds: float
    request_id: str
    caller: str
    decision: str
    reason: str
    time_ns: int


class Telemetry:
    """The outermost layer.

    Args:
        logger: Where the lines go.
        registry: Where the metrics are kept.
        logged_reads: Returns which share of the reads that succeed is logged, from 0 to 1.
    """

    def __init__(
        self,
        logger: structlog.typing.FilteringBoundLogger,
        registry: CollectorRegistry,
        *,
        logged_reads: Callable[[], float] = lambda: 1.0,
    ) -> None:
        self._logger = logger
        self._logged_reads = logged_reads
        self._ended: list[_Ended] = []
        self._is_closing = False
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
        series = _Series(
            method.name,
            service,
            name,
            method.is_read,
            self._seconds.labels(service, name),
            self._handled.labels(service, name, grpc.StatusCode.OK.name),
        )

        async def counted(request: Message, call: Call) -> Message:
            try:
                return await handler(request, call)
            except BaseException:
                # Cancelled by the caller or by its deadline: no layer below could set the code.
                if call.code is grpc.StatusCode.OK:
                    call.code = grpc.StatusCode.CANCELLED
                raise
            finally:
                self._take(call, series)

        return counted

    def close(self) -> None:
        """Count and log the calls that have ended, and from now on each as it ends.

        A call that outlasts the drain is cancelled, perhaps when nothing waits for it any more.
        """
        self._is_closing = True
        self.flush()

    def flush(self) -> None:
        """Count and log the calls that have ended."""
        ended, self._ended = self._ended, []
        for one in ended:
            series = one.series
            series.seconds.observe(one.seconds)
            if one.code is grpc.StatusCode.OK:
                series.ok.inc()
            else:
                self._handled.labels(series.service, series.method, one.code.name).inc()
            if self._is_logged(one):
                self._log(one)

    def _take(self, call: Call, series: _Series) -> None:
        self._ended.append(
            _Ended(
                series,
                call.code,
                time.monotonic() - call.started,
                call.request_id,
                call.caller.key if call.caller is not None else "",
                call.grant.decision_id,
                call.reason,
                time.time_ns(),
            )
        )
        if self._is_closing:
            self.flush()
        elif len(self._ended) == 1:
            asyncio.get_running_loop().call_later(_PATIENCE_SECONDS, self.flush)

    def _is_logged(self, ended: _Ended) -> bool:
        """Say whether a call gets a line: a change, a refusal and a failure always does."""
        is_sampled = ended.series.is_read and ended.code is grpc.StatusCode.OK
        share = self._logged_reads() if is_sampled else 1.0
        return share >= 1.0 or random.random() < share  # noqa: S311

    def _log(self, ended: _Ended) -> None:
        fields: dict[str, Any] = {
            "method": ended.series.name,
            "code": ended.code.name,
            "ms": round(ended.seconds * 1000, 3),
            "request_id": ended.request_id,
        }
        if ended.caller:
            fields["caller"] = ended.caller
        if ended.decision:
            fields["decision"] = ended.decision
        if ended.reason:
            fields["reason"] = ended.reason
        self._logger.info("call", time_ns=ended.time_ns, **fields)


def _line(logger: Any, level: str, event: structlog.typing.EventDict) -> bytes:
    """Return an event as it is written; one step, since each call has a line and pays for each.

    An event of before says when it was, in nanoseconds since the epoch (`time_ns`).
    """
    time_ns = event.pop("time_ns", None) or time.time_ns()
    seconds, nanoseconds = divmod(time_ns, 1_000_000_000)
    event["level"] = level
    event["timestamp"] = f"{_second(seconds)}.{nanoseconds // 1000:06}Z"
    if "exc_info" in event:
        event = structlog.processors.format_exc_info(logger, level, event)
    return orjson.dumps(event, default=repr)


@lru_cache(maxsize=1)
def _second(seconds: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds))
