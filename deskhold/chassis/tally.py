"""A counter of what may happen a hundred thousand times a second: read when metrics are asked for.

The client library's own takes a lock for each step, which costs as much as what is counted here.
"""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily
from prometheus_client.registry import Collector


class Tally(Collector):
    """A metric that only grows; raised on one thread, the event loop's.

    Args:
        name: The metric's, without `_total`.
        text: What it counts.
        registry: Where it is kept.

    Attributes:
        count: How many since the process started.
    """

    def __init__(self, name: str, text: str, registry: CollectorRegistry) -> None:
        self._name = name
        self._text = text
        self.count = 0
        registry.register(self)

    def collect(self) -> Iterator[CounterMetricFamily]:
        """Yield the metric as it is now."""
        yield CounterMetricFamily(self._name, self._text, value=self.count)
