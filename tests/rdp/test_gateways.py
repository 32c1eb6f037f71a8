"""Desktops are reached through the example gateway, which alone knows where hosts are."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.journeys.pair import Pair
from tests.rdp.conftest import ALICE, Viewer
from tests.rdp.desks import Desks, setting, text_in
from tests.rdp.gateways import Balancer, Gateway

BY_FORM = pytest.mark.parametrize("form", ["plain", "msts-cookie"])


@pytest.fixture
def gateways(pair: Pair, tmp_path: Path) -> Iterator[list[Gateway]]:
    """Two gateways."""
    with ExitStack() as stack:
        made = []
        for number in range(2):
            made.append(Gateway(pair, tmp_path / f"gateway-{number}"))
            stack.callback(made[-1].kill)
        yield made


@pytest.fixture
def balancer(gateways: list[Gateway], tmp_path: Path) -> Iterator[Balancer]:
    """HAProxy in front of both."""
    balancer = Balancer(gateways, tmp_path / "haproxy")
    yield balancer
    balancer.stop()


@BY_FORM
def test_a_desktop_is_reached_through_a_gateway(
    personal: Desks, viewer: Viewer, gateways: list[Gateway], form: str
) -> None:
    host = personal.host_in(personal.file_for(ALICE))
    personal.put_behind(gateways[0].port, form)
    file = personal.file_for(ALICE)

    client = viewer.open(file, ALICE, host)

    client.wait_for_session(ALICE)
    client.wait_for_picture()
    assert setting(file, "full address:s") == f"127.0.0.1:{gateways[0].port}"
    assert f"{host.port}" not in text_in(file)


def test_a_gateway_refuses_a_file_whose_host_is_no_longer_the_users(
    personal: Desks, viewer: Viewer, gateways: list[Gateway]
) -> None:
    host = personal.host_in(personal.file_for(ALICE))
    personal.put_behind(gateways[0].port, "plain")
    file = personal.file_for(ALICE)
    personal.run(
        *("assignment", "remove", "--collection", personal.collection),
        *("--host", host.name, "--force"),
    )

    client = viewer.open(file, ALICE, host)

    assert client.wait_for_error().startswith("ERRCONNECT_")
    assert "token refused" in gateways[0].log
    assert not host.has_created_session_of(ALICE)


def test_two_gateways_behind_haproxy_stand_in_for_each_other(
    personal: Desks, viewer: Viewer, gateways: list[Gateway], balancer: Balancer
) -> None:
    host = personal.host_in(personal.file_for(ALICE))
    personal.put_behind(balancer.port, "msts-cookie")
    file = personal.file_for(ALICE)
    client = viewer.open(file, ALICE, host)
    client.wait_for_session(ALICE)
    (serving,) = (gateway for gateway in gateways if "opened" in gateway.log)

    serving.kill()
    client.close()
    client = viewer.open(file, ALICE, host)

    client.wait_for_same_session(ALICE)
    client.wait_for_picture()
