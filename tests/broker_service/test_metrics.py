"""docs/metrics.md says what Prometheus finds at both services, and Prometheus's parser reads it."""

from __future__ import annotations

import urllib.request
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from deskhold.client import Client
from tests.broker_service.pair import Eng, Pair
from tests.docs.tables import codes, table

DOCUMENTED = table("docs/metrics.md", "Every metric").rows


def scrape(pair: Pair, service: str) -> dict[str, Any]:
    """Return the metrics of a service by name, as Prometheus's parser reads them."""
    port = pair.metrics_ports[service]
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics") as reply:
        text = str(reply.read(), "utf-8")
    return {family.name: family for family in text_string_to_metric_families(text)}


def value(metrics: dict[str, Any], sample: str, **labels: str) -> float:
    """Return a sample; 0 when there is none yet."""
    found = [
        one.value
        for family in metrics.values()
        for one in family.samples
        if one.name == sample and labels.items() <= one.labels.items()
    ]
    return float(sum(found))


@pytest.fixture
def used(pair: Pair, owner: Client, eng: Eng) -> Pair:
    """Both services, after somebody has used them."""
    owner.connect(eng.name)
    return pair


def names_of(family: Any) -> tuple[str, str]:
    """Return name and kind as the page has them."""
    # In the text format an info is a gauge whose name ends so.
    if family.name == "deskhold_build_info":
        return "deskhold_build", "info"
    return family.name, family.type


@pytest.mark.parametrize("service", ["broker", "rbac"])
def test_every_metric_is_on_the_page_and_no_other(used: Pair, service: str) -> None:
    documented = {
        (codes(row["Metric"])[0], row["Kind"])
        for row in DOCUMENTED
        if row["Service"] in (service, "both")
    }

    assert {names_of(one) for one in scrape(used, service).values()} == documented


@pytest.mark.parametrize("service", ["broker", "rbac"])
def test_the_page_names_the_labels(used: Pair, service: str) -> None:
    documented = {codes(row["Metric"])[0]: set(codes(row["Metric"])[1:]) for row in DOCUMENTED}

    for family in scrape(used, service).values():
        for sample in family.samples:
            assert sample.labels.keys() - {"le"} == documented[names_of(family)[0]], sample


def test_a_claim_is_counted_with_all_that_it_took(pair: Pair, owner: Client, eng: Eng) -> None:
    before = scrape(pair, "broker"), scrape(pair, "rbac")

    owner.connect(eng.name)
    owner.connect(eng.name)

    after = scrape(pair, "broker"), scrape(pair, "rbac")

    def grown(service: int, sample: str, **labels: str) -> float:
        return value(after[service], sample, **labels) - value(before[service], sample, **labels)

    assert grown(0, "deskhold_connects_total", outcome="CLAIMED") == 1
    assert grown(0, "deskhold_connects_total", outcome="KNOWN") == 1
    assert grown(0, "deskhold_database_transaction_seconds_count") > 0
    assert grown(0, "deskhold_database_transaction_seconds_sum") > 0
    assert grown(0, "deskhold_database_batch_size_sum") > 0
    assert grown(0, "deskhold_checks_batch_size_count") >= 1
    assert grown(1, "deskhold_decisions_total", outcome="ALLOWED") >= 1


def test_certificates_say_when_they_expire(pair: Pair) -> None:
    for service in ("broker", "rbac"):
        metrics = scrape(pair, service)
        now = value(metrics, "process_start_time_seconds")
        for certificate in ("server", "authority"):
            sample = "deskhold_certificate_expiry_timestamp_seconds"
            assert value(metrics, sample, certificate=certificate) > now


def test_the_policy_is_as_new_as_its_store(pair: Pair, owner: Client, tenant: str) -> None:
    metrics = scrape(pair, "rbac")

    assert value(metrics, "deskhold_policy_revision") > 0
    assert value(metrics, "deskhold_policy_lag_revisions") == 0
