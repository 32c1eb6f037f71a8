"""--gateway and --gateway-token: what they send, alone and together."""

from __future__ import annotations

import pytest

from deskhold.api.broker.v1.collections_pb2 import (
    ROUTING_TOKEN_FORMAT_MSTS_COOKIE,
    ROUTING_TOKEN_FORMAT_PLAIN,
    Collection,
    Gateway,
)
from tests.deskhold.cli.conftest import Run
from tests.deskhold.stub_service import StubService

PLAIN, COOKIE = ROUTING_TOKEN_FORMAT_PLAIN, ROUTING_TOKEN_FORMAT_MSTS_COOKIE
NAME = "tenantGroups/default/tenants/default/collections/eng"
CREATE = ("collection", "create", "eng", "--type", "pooled")
UPDATE = ("collection", "update", "eng")


@pytest.mark.parametrize(
    ("flags", "gateway"),
    [
        ("--gateway gw", Gateway(address="gw", port=3389, token_format=PLAIN)),
        ("--gateway gw:3390", Gateway(address="gw", port=3390, token_format=PLAIN)),
        (
            "--gateway [fd00::1]:3390 --gateway-token msts-cookie",
            Gateway(address="fd00::1", port=3390, token_format=COOKIE),
        ),
        ("--gateway fd00::1", Gateway(address="fd00::1", port=3389, token_format=PLAIN)),
    ],
)
def test_a_collection_is_created_with_a_gateway(
    run: Run, service: StubService, flags: str, gateway: Gateway
) -> None:
    service.answers["CreateCollection"] = Collection(name=NAME)

    assert run(*CREATE, *flags.split()).exit_code == 0

    (request,) = service.requests("CreateCollection")
    assert request.collection.gateway == gateway


@pytest.mark.parametrize(
    ("flags", "gateway"),
    [
        ("--gateway new", Gateway(address="new", port=3389, token_format=COOKIE)),
        ("--gateway-token plain", Gateway(address="old", port=3391, token_format=PLAIN)),
        (
            "--gateway new --gateway-token plain",
            Gateway(address="new", port=3389, token_format=PLAIN),
        ),
    ],
)
def test_an_update_keeps_what_is_not_given_of_the_gateway(
    run: Run, service: StubService, flags: str, gateway: Gateway
) -> None:
    old = Gateway(address="old", port=3391, token_format=COOKIE)
    service.answers["GetCollection"] = Collection(name=NAME, etag="e-1", gateway=old)
    service.answers["UpdateCollection"] = Collection(name=NAME)

    assert run(*UPDATE, *flags.split()).exit_code == 0

    (request,) = service.requests("UpdateCollection")
    assert request.collection.gateway == gateway
    # What was read and kept is of one version; with everything given nothing is read.
    assert request.collection.etag == ("" if service.requests("GetCollection") == [] else "e-1")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ((*CREATE, "--gateway-token", "plain"), "--gateway-token needs a gateway"),
        ((*UPDATE, "--gateway-token", "plain"), "--gateway-token needs a gateway"),
        ((*UPDATE, "--no-gateway", "--gateway-token", "plain"), "--no-gateway goes without"),
        ((*CREATE, "--gateway", "gw:rdp"), "--gateway 'gw:rdp' is not HOST or HOST:PORT"),
        ((*CREATE, "--gateway", "gw:0"), "--gateway 'gw:0' is not HOST or HOST:PORT"),
        ((*CREATE, "--gateway", "https://gw"), "it is no URL"),
        ((*CREATE, "--gateway", ""), "--gateway '' is not HOST or HOST:PORT"),
    ],
)
def test_flags_that_name_no_gateway_are_wrong_usage(
    run: Run, service: StubService, words: tuple[str, ...], message: str
) -> None:
    service.answers["GetCollection"] = Collection(name=NAME)

    done = run(*words)

    assert done.exit_code == 2
    assert message in done.stderr
    assert not service.requests("CreateCollection")
    assert not service.requests("UpdateCollection")
