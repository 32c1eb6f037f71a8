"""Metrics of the policy and of those who watch it, read when Prometheus asks."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Gauge

from rbac_service.access.policy import Policy
from rbac_service.log.watch import Feed


def register(registry: CollectorRegistry, policy: Policy, feed: Feed) -> None:
    """Register them."""
    Gauge(
        "deskhold_policy_revision",
        "Revision of the policy that this process answers from.",
        registry=registry,
    ).set_function(lambda: policy.revision)
    Gauge(
        "deskhold_policy_age_seconds",
        "Seconds since the policy was last confirmed to be the store's.",
        registry=registry,
    ).set_function(lambda: policy.age_seconds)
    Gauge(
        "deskhold_policy_lag_revisions",
        "Revisions of the store that were seen but are not applied yet.",
        registry=registry,
    ).set_function(lambda: policy.lag)
    Gauge("deskhold_watchers", "Watches that are open.", registry=registry).set_function(
        lambda: feed.watchers_count
    )
    registry.register(feed.dropped)
