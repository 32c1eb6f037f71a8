"""Metrics of what every service has: its build, its process, its certificates, its database.

The registry reads them when Prometheus does; nothing here costs a call anything. Every metric of
both services stands in docs/metrics.md.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from importlib.metadata import version

from prometheus_client import (
    CollectorRegistry,
    Gauge,
    GCCollector,
    Info,
    PlatformCollector,
    ProcessCollector,
    disable_created_metrics,
)
from prometheus_client.core import GaugeMetricFamily, Metric, SummaryMetricFamily
from prometheus_client.registry import Collector

from deskhold.chassis.db import Database


def register_process(registry: CollectorRegistry) -> None:
    """Register the metrics of the process and of the build."""
    # A series more for each counter, which says what the start of the process says.
    disable_created_metrics()  # type: ignore[no-untyped-call]
    ProcessCollector(registry=registry)
    PlatformCollector(registry=registry)
    GCCollector(registry=registry)
    build = Info("deskhold_build", "The version that runs.", registry=registry)
    build.info({"version": version("deskhold")})


def register_certificates(
    registry: CollectorRegistry, expiry: Callable[[], Mapping[str, float]]
) -> None:
    """Register when certificates expire.

    Args:
        registry: Where the metric is kept.
        expiry: Returns seconds since the epoch by certificate; the names never change.
    """
    gauge = Gauge(
        "deskhold_certificate_expiry_timestamp_seconds",
        "When a certificate that is in use expires, in seconds since the epoch, by certificate.",
        ("certificate",),
        registry=registry,
    )
    for name in expiry():
        gauge.labels(name).set_function(partial(_expiry, expiry, name))


def _expiry(expiry: Callable[[], Mapping[str, float]], name: str) -> float:
    return expiry()[name]


class DatabaseMetrics(Collector):
    """How the threads that work on the database are used, by pool.

    Args:
        database: Whose threads.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def collect(self) -> Iterator[Metric]:
        """Return the metrics as they are now."""
        threads = _gauge("threads", "Threads with a connection each.")
        running = _gauge("running", "Requests in the transactions that run now.")
        waiting = _gauge("waiting", "Requests that wait for a thread.")
        sizes = _summary("batch_size", "Requests that shared a transaction.")
        seconds = _summary(
            "transaction_seconds", "Time of a transaction, its repetitions included."
        )
        for pool in self._database.pools:
            figures = pool.figures
            threads.add_metric((pool.name,), figures.threads)
            running.add_metric((pool.name,), figures.running)
            waiting.add_metric((pool.name,), figures.waiting)
            sizes.add_metric((pool.name,), figures.transactions, figures.works)
            seconds.add_metric((pool.name,), figures.transactions, figures.seconds)
        yield from (threads, running, waiting, sizes, seconds)


def _gauge(name: str, meaning: str) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"deskhold_database_{name}", meaning, labels=("pool",))


def _summary(name: str, meaning: str) -> SummaryMetricFamily:
    return SummaryMetricFamily(f"deskhold_database_{name}", meaning, labels=("pool",))
