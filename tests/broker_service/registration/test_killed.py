"""A broker that is killed at any step leaves the stores in step, sooner or later."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest

from deskhold.client import Client
from deskhold.errors import NotFound
from deskhold.names import Kind, Name, parse
from tests.broker_service.brokers import MINUTE_US, Broker
from tests.broker_service.pair import Pair
from tests.broker_service.registration.dying_broker import STEPS

KINDS = ("collection", "app group")


@pytest.fixture
async def name(request: pytest.FixtureRequest, broker: Broker, tenant: str) -> Name:
    """The name of a collection, or of an app group in one that is there."""
    collection = parse(f"{tenant}/collections/eng", Kind.COLLECTION)
    if request.param == "collection":
        return collection
    await broker.create(collection)
    return collection.child("appGroups", "office")


each_kind = pytest.mark.parametrize("name", KINDS, indirect=True)


async def make(broker: Broker, name: Name) -> None:
    await (broker.create(name) if name.kind is Kind.COLLECTION else broker.create_app_group(name))


def killed(pair: Pair, broker: Broker, verb: str, name: Name, step: str) -> None:
    """Run another broker that dies at a step."""
    endpoint = pair.as_broker()
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "tests.broker_service.registration.dying_broker",
            broker.store.url,
            endpoint.address,
            str(endpoint.ca_file),
            str(endpoint.cert_file),
            str(endpoint.key_file),
            verb,
            name.text,
            step,
        ],
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == -signal.SIGKILL, done.stderr


def is_registered(owner: Client, name: Name) -> bool:
    try:
        return owner.get_scope(name.scope).name == name.scope
    except NotFound:
        return False


@each_kind
@pytest.mark.parametrize("step", STEPS["create"])
async def test_killed_while_it_creates_it_leaves_both_or_neither(
    pair: Pair, broker: Broker, owner: Client, name: Name, step: str
) -> None:
    killed(pair, broker, "create", name, step)

    broker.clock.now_us += 6 * MINUTE_US
    await broker.until_settled()

    assert await broker.has(name) == is_registered(owner, name) == (step == "after commit")
    if not await broker.has(name):
        await make(broker, name)
        assert is_registered(owner, name)


@each_kind
@pytest.mark.parametrize("step", STEPS["delete"])
async def test_killed_while_it_deletes_no_grant_comes_back_with_the_name(
    pair: Pair, broker: Broker, owner: Client, name: Name, step: str
) -> None:
    await make(broker, name)
    pair.grant("helper@contoso.com", "RDS User", name.scope)

    killed(pair, broker, "delete", name, step)
    broker.clock.now_us += 6 * MINUTE_US
    await broker.until_settled()

    assert await broker.has(name) == is_registered(owner, name) == (step == "before commit")
    if not await broker.has(name):
        await make(broker, name)
        assert list(owner.list_role_assignments(name.scope, at_scope_only=True)) == []
