"""Metrics of rbac's answers and of those who watch, read when Prometheus asks."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Gauge

from broker_service.rbac import Authority
from broker_service.watch.hub import Hub


def register(registry: CollectorRegistry, authority: Authority, hub: Hub) -> None:
    """Register them."""
    Gauge(
        "deskhold_checks_waiting",
        "Questions to rbac that are not answered yet.",
        registry=registry,
    ).set_function(lambda: authority.waiting_count)
    registry.register(authority.batch_sizes)
    Gauge("deskhold_watchers", "Watches that are open.", registry=registry).set_function(
        lambda: hub.watchers_count
    )
    Gauge(
        "deskhold_watch_lag_seconds",
        "Seconds since changes were last read for watches; 0 while nobody watches.",
        registry=registry,
    ).set_function(lambda: hub.lag_seconds)
    registry.register(hub.dropped)
