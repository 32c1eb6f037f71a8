"""Two of a kind: the second one leaves, and the first does not notice."""

from __future__ import annotations

import pytest

from tests.journeys.pair import Pair


@pytest.mark.parametrize("service", ["broker", "rbac"])
def test_a_second_service_on_the_same_port_ends_and_names_the_address(
    pair: Pair, service: str
) -> None:
    second = pair.run_module(f"{service}_service")

    listen = pair.settings[f"DESKHOLD_{service.upper()}_LISTEN"]
    assert second.returncode != 0
    assert f"cannot listen at {listen}" in second.stderr
    assert "Traceback" not in second.stderr
    assert pair.deskhold("collection", "list").returncode == 0


def test_a_second_make_run_from_the_same_home_is_refused_with_the_process_that_runs(
    pair: Pair,
) -> None:
    second = pair.run_module("deskhold.embedded")

    assert second.returncode == 1
    assert f"rbac already runs from {pair.home.path}" in second.stderr
    assert pair.home.process_id("rbac") in second.stderr
    assert "DESKHOLD_HOME" in second.stderr
    assert pair.deskhold("collection", "list").returncode == 0


def test_a_second_home_on_the_same_ports_does_not_come_up_and_says_why(pair: Pair) -> None:
    other = Pair(pair.home.path.parent / "other")
    other.base_port = pair.base_port

    second = other.run_module("deskhold.embedded")

    assert second.returncode == 1
    assert "cannot listen at" in second.stdout
    assert "rbac ended with exit code 2" in second.stdout
    assert "Traceback" not in second.stderr
    assert pair.deskhold("collection", "list").returncode == 0
