"""Routing tokens: who may go where, for gateways."""

from __future__ import annotations

from base64 import urlsafe_b64decode
from string import ascii_letters, digits
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker_service.sessions.routing import LIFETIME_US, Route, RoutingTokens
from broker_service.sessions.usecases import WayIn
from deskhold.client import Client
from deskhold.errors import InvalidArgument
from tests.broker_service.pair import Eng, Pair
from tests.broker_service.stores import AUTHOR, ENG, TENANT, Store

TOKENS = RoutingTokens(b"a secret")
ALICE = "alice@contoso.com"
DIGITS = f"{ascii_letters}{digits}-_"  # of base64, in any order
NOW_US = AUTHOR.now_us
texts = st.text(max_size=80)
routes = st.builds(Route, texts, texts, texts, texts, st.integers(1, 2**60))


@given(routes)
def test_a_token_leads_where_it_was_sealed_to(route: Route) -> None:
    token = TOKENS.seal(route)

    assert TOKENS.open(token, route.expires_us - 1) == route
    assert TOKENS.open(f"{token} ", route.expires_us - 1) == route
    assert len(token) % 2 == 0
    assert token.isascii()
    assert token.isprintable()
    assert not set(token) & set(' :"\\\r\n')


def test_a_token_tells_nothing_and_is_never_the_same(route: Route) -> None:
    tokens = {TOKENS.seal(route) for _ in range(100)}
    bodies = [urlsafe_b64decode(token.removeprefix("dh1.").rstrip(".") + "==") for token in tokens]

    assert len(tokens) == 100
    # Parts as short as a host's name turn up by chance, once in a thousand runs.
    assert not any(ENG.encode() in body or ALICE.encode() in body for body in bodies)


@pytest.fixture
def route() -> Route:
    return Route(f"{ENG}/hosts/pc-1", "uid", ALICE, ALICE, 100)


@given(st.data())
def test_a_token_that_was_tampered_with_is_refused(data: st.DataObject) -> None:
    token = TOKENS.seal(Route(f"{ENG}/hosts/pc-1", "uid", ALICE, ALICE, 100))
    body = token.rstrip(".")
    # What is drawn must not hang on the token, which is another one each time.
    place = data.draw(st.integers(0, len(body) - 2))  # the last one may hold unused bits
    at = DIGITS.find(body[place]) + data.draw(st.integers(1, len(DIGITS) - 1))

    refuse(TOKENS, body[:place] + DIGITS[at % len(DIGITS)] + body[place + 1 :])


@given(texts)
def test_what_is_no_token_is_refused(text: str) -> None:
    refuse(TOKENS, text)
    refuse(TOKENS, f"dh1.{text}")


def refuse(tokens: RoutingTokens, token: str, now_us: int = 1) -> None:
    with pytest.raises(InvalidArgument) as caught:
        tokens.open(token, now_us)
    assert_refused(caught.value)


def assert_refused(error: BaseException) -> None:
    assert isinstance(error, InvalidArgument)
    assert error.reason == "ROUTING_TOKEN_INVALID"
    assert error.metadata == {"field": "token"}
    assert error.message == (
        "token: was not issued by this deployment for this tenant, or leads nowhere any more;"
        " connect again"
    )


def test_a_token_ends(route: Route) -> None:
    token = TOKENS.seal(route)

    assert TOKENS.open(token, 99) == route
    refuse(TOKENS, token, 100)


def test_a_token_of_another_deployment_is_refused(route: Route) -> None:
    refuse(TOKENS, RoutingTokens(b"another secret").seal(route))


def test_brokers_with_one_secret_read_each_others_tokens(route: Route) -> None:
    assert RoutingTokens(b"a secret").open(TOKENS.seal(route), 1) == route


async def led(store: Store, **settings: Any) -> WayIn:
    await store.make("pc-1", "pc-2", **settings)
    if not settings:
        await store.set("CONTOSO\\Alice", "pc-1")
    return await store.connect(ALICE)


async def test_a_token_resolves_to_the_host_as_it_is_now(store: Store) -> None:
    way = await led(store)
    await store.change_host("pc-1", address="10.0.0.9", port=3390)

    host, route = await store.sessions.resolve(TENANT, way.routing_token, NOW_US)

    assert f"loadbalanceinfo:s:{way.routing_token}\r\n" in way.rdp
    assert (host.name, host.reachable_at, host.port) == (f"{ENG}/hosts/pc-1", "10.0.0.9", 3390)
    assert (route.user, route.expires_us) == ("CONTOSO\\Alice", NOW_US + LIFETIME_US)
    assert way.expires_us == route.expires_us


async def test_a_token_of_a_pool_resolves(store: Store) -> None:
    way = await led(store, type="POOLED")

    host, _ = await store.sessions.resolve(TENANT, f"{way.routing_token} ", NOW_US)

    assert host.name == way.host.name


async def test_a_token_of_a_host_taken_at_once_resolves(store: Store) -> None:
    way = await led(store, auto_assign_user=True)

    assert (await store.sessions.resolve(TENANT, way.routing_token, NOW_US))[0].name == (
        way.host.name
    )


async def test_after_its_time_a_token_resolves_to_nothing(store: Store) -> None:
    way = await led(store)

    await resolve_nothing(store, way, now_us=NOW_US + LIFETIME_US)


async def test_for_another_tenant_a_token_resolves_to_nothing(store: Store) -> None:
    await resolve_nothing(store, await led(store), tenant=f"{TENANT}2")


async def test_when_its_host_was_removed_a_token_resolves_to_nothing(store: Store) -> None:
    way = await led(store)
    await store.remove_hosts("pc-1", force=True)
    await resolve_nothing(store, way)

    await store.add_hosts("pc-1")
    await store.set(ALICE, "pc-1")

    await resolve_nothing(store, way)


async def test_when_the_host_is_no_longer_the_users_a_token_resolves_to_nothing(
    store: Store,
) -> None:
    way = await led(store)
    await store.remove(user=ALICE)
    await resolve_nothing(store, way)

    await store.set("bob@contoso.com", "pc-1")

    await resolve_nothing(store, way)


async def resolve_nothing(
    store: Store, way: WayIn, *, tenant: str = TENANT, now_us: int = NOW_US
) -> None:
    with pytest.raises(InvalidArgument) as caught:
        await store.sessions.resolve(tenant, way.routing_token, now_us)
    assert_refused(caught.value)


def test_a_gateway_resolves_what_a_user_was_given_and_may_do_nothing_else(
    pair: Pair, owner: Client, eng: Eng
) -> None:
    pair.grant("gateway@contoso.com", "RDS Gateway", f"/{eng.tenant}")
    gateway = pair.client("gateway@contoso.com")
    way = owner.connect(eng.name)

    found = gateway.resolve_routing_token(eng.tenant, f"{way.routing_token} ")

    assert (found.host, found.address, found.port) == (way.host, way.address, way.port)
    assert found.user == way.user
    assert found.expire_time == way.routing_token_expire_time
    with pytest.raises(InvalidArgument) as caught:
        gateway.resolve_routing_token(eng.tenant, way.routing_token[:-4])
    assert_refused(caught.value)
