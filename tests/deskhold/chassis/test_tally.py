from __future__ import annotations

from prometheus_client import CollectorRegistry, generate_latest

from deskhold.chassis.tally import Tally


def test_the_metric_is_what_was_counted_until_it_is_asked_for() -> None:
    registry = CollectorRegistry()
    tally = Tally("deskhold_things_dropped", "Things that came too fast.", registry)
    before = registry.get_sample_value("deskhold_things_dropped_total")

    tally.count += 2

    assert before == 0
    assert generate_latest(registry).decode().splitlines() == [
        "# HELP deskhold_things_dropped_total Things that came too fast.",
        "# TYPE deskhold_things_dropped_total counter",
        "deskhold_things_dropped_total 2.0",
    ]
