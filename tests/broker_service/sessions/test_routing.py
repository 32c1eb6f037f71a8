"""Routing tokens: who may go where, for gateways."""

from __future__ import annotations

import struct
import uuid
from base64 import urlsafe_b64decode
from string import ascii_letters, digits
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker_service.collections.rules import CollectionType
from broker_service.hosts.rules import Hold, Host
from broker_service.sessions.routing import (
    LIFETIME_SECONDS,
    TOKEN_LENGTH,
    Route,
    RoutingTokens,
    lifetime_seconds,
)
from broker_service.sessions.usecases import WayIn
from deskhold.client import Client
from deskhold.errors import InvalidArgument
from tests.broker_service.pair import Eng, Pair
from tests.broker_service.stores import AUTHOR, ENG, TENANT, Store

TOKENS = RoutingTokens(b"a secret")
ALICE = "alice@contoso.com"
DIGITS = f"{ascii_letters}{digits}-_"  # of base64, in any order
NOW_US = AUTHOR.now_us
END_US = 1_800_000_000 * 1_000_000
ROUTE = Route(17, b"u" * 16, b"k" * 16, END_US)
texts = st.text(max_size=80)
# Longer than any legal name: the longest user has 256 characters, the longest host id 63.
names = st.text(min_size=1, max_size=300)
routes = st.builds(
    Route,
    st.integers(0, 2**63 - 1),
    st.binary(min_size=16, max_size=16),
    st.binary(min_size=16, max_size=16),
    st.integers(1, 2**32 - 1).map(lambda seconds: seconds * 1_000_000),
)


def host_called(
    name: str, *, uid: str = "", number: int = 1, user_key: str = "", collection: str = ENG
) -> Host:
    hold = Hold(user_key, user_key, 0, 1, "user:x") if user_key else None
    uid = uid or str(uuid.uuid4())
    return Host(number, collection, name, name.lower(), uid, "", 3389, hold, 1, 1)


@given(routes)
def test_a_token_leads_where_it_was_sealed_to(route: Route) -> None:
    token = TOKENS.seal(route)

    assert TOKENS.open(token, route.expires_us - 1) == route
    assert TOKENS.open(f"{token} ", route.expires_us - 1) == route
    assert len(token) == TOKEN_LENGTH == 100
    assert token.isascii()
    assert token.isprintable()
    assert not set(token) & set(' :"\\\r\n')


def connection_request(routing_token: str) -> bytes:
    """Return the X.224 Connection Request that carries a token (MS-RDPBCGR 2.2.1.1).

    With the RDP Negotiation Request and the RDP Correlation Info, so as long as it may get.
    """
    variable = routing_token.encode() + b"\r\n"
    variable += struct.pack("<BBHI", 0x01, 0x08, 8, 0x0000000B)
    variable += struct.pack("<BBH", 0x06, 0x00, 36) + bytes(range(1, 17)) + bytes(16)
    fixed = struct.pack(">BHHB", 0xE0, 0, 0, 0)
    # One byte, which does not count itself; 255 is reserved (X.224 13.2.1).
    length_indicator = len(fixed) + len(variable)
    assert length_indicator < 255
    tpdu = bytes([length_indicator]) + fixed + variable
    return struct.pack(">BBH", 3, 0, len(tpdu) + 4) + tpdu


def routing_token_in(packet: bytes) -> str:
    """Read the token from a packet, field by field as MS-RDPBCGR 2.2.1.1 lists them."""
    version, reserved, length = struct.unpack(">BBH", packet[:4])
    assert (version, reserved, length) == (3, 0, len(packet))
    assert packet[4] == len(packet) - 5
    code, destination, _, options = struct.unpack(">BHHB", packet[5:11])
    assert (code & 0xF0, destination, options) == (0xE0, 0, 0)
    token, end, negotiation = packet[11:].partition(b"\r\n")
    assert end
    assert (negotiation[0], negotiation[2:4]) == (0x01, b"\x08\x00")
    return token.decode("ascii")


@given(names, names, names, st.integers(1, 2**63 - 1), st.sampled_from(["", "Cookie: msts="]))
def test_every_token_fits_into_the_first_packet_whatever_the_names(
    user: str, host_id: str, collection: str, number: int, form: str
) -> None:
    host = host_called(host_id, number=number, collection=collection)
    value = form + TOKENS.seal(Route.to(host, user, end_us=NOW_US))

    packet = connection_request(value)

    assert len(value) <= 120
    assert routing_token_in(packet) == value


def test_a_token_reveals_nothing_and_is_never_the_same() -> None:
    route = Route.to(host_called("pc-1"), ALICE, end_us=END_US)
    tokens = {TOKENS.seal(route) for _ in range(100)}
    bodies = [urlsafe_b64decode(token.removeprefix("dh2.")) for token in tokens]

    assert len(tokens) == 100
    assert not any(route.uid_digest in body or route.user_digest in body for body in bodies)


def test_a_route_is_that_of_one_user_to_one_host() -> None:
    host = host_called("pc-1", uid="one", user_key=ALICE)
    route = Route.to(host, ALICE, end_us=END_US)

    assert route.leads_to(host, CollectionType.PERSONAL)
    for other in (
        host_called("pc-1", uid="one", user_key="bob@contoso.com"),
        host_called("pc-1", uid="one"),
        host_called("pc-1", uid="another", user_key=ALICE),
    ):
        assert not route.leads_to(other, CollectionType.PERSONAL)
    assert route.leads_to(host_called("pc-1", uid="one"), CollectionType.POOLED)
    assert not route.leads_to(host_called("pc-1", uid="another"), CollectionType.POOLED)


@given(st.data())
def test_a_token_that_was_tampered_with_is_refused(data: st.DataObject) -> None:
    token = TOKENS.seal(ROUTE)
    # What is drawn must not depend on the token, which is another one each time.
    place = data.draw(st.integers(len("dh2."), len(token) - 1))
    at = DIGITS.find(token[place]) + data.draw(st.integers(1, len(DIGITS) - 1))

    refuse(TOKENS, token[:place] + DIGITS[at % len(DIGITS)] + token[place + 1 :])


@given(texts)
def test_a_text_that_is_no_token_is_refused(text: str) -> None:
    refuse(TOKENS, text)
    refuse(TOKENS, f"dh2.{text}")


@given(texts)
def test_a_token_of_an_earlier_version_is_refused_with_words(text: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        TOKENS.open(f"dh1.{text}", 1)
    assert caught.value.reason == "ROUTING_TOKEN_INVALID"
    assert caught.value.message == (
        "token: has the form of an earlier version (dh1.), which is no longer read; connect again"
        " for a new .rdp file"
    )


def refuse(tokens: RoutingTokens, token: str, now_us: int = 1) -> None:
    with pytest.raises(InvalidArgument) as caught:
        tokens.open(token, now_us)
    assert_refused(caught.value)


def assert_refused(error: BaseException) -> None:
    assert isinstance(error, InvalidArgument)
    assert error.reason == "ROUTING_TOKEN_INVALID"
    assert error.metadata == {"field": "token"}
    assert error.message == (
        "token: was not issued by this deployment for this tenant, has expired, or its host is no"
        " longer the user's; connect again"
    )


def test_an_expired_token_is_refused() -> None:
    token = TOKENS.seal(ROUTE)

    assert TOKENS.open(token, END_US - 1) == ROUTE
    refuse(TOKENS, token, END_US)


def test_the_lifetime_is_a_setting() -> None:
    host = host_called("pc-1")

    token, expires_us = RoutingTokens(b"a secret", 28_800).issue(host, ALICE, now_us=END_US)

    assert expires_us == END_US + 28_800 * 1_000_000
    assert TOKENS.open(token, expires_us - 1).host == host.id


def test_every_lifetime_that_can_be_set_fits_into_a_token() -> None:
    longest = lifetime_seconds("2592000")
    _, expires_us = RoutingTokens(b"a secret", longest).issue(
        host_called("pc-1"), ALICE, now_us=END_US
    )

    assert expires_us == END_US + 30 * 24 * 3600 * 1_000_000


@pytest.mark.parametrize("text", ["0", "-1", "1.5", "soon", "2592001", "1" + "0" * 30])
def test_a_lifetime_that_cannot_be_is_refused_at_the_start(text: str) -> None:
    with pytest.raises(ValueError, match=r"is not a whole number above 0|is more than 2592000"):
        lifetime_seconds(text)


def test_a_token_of_another_deployment_is_refused() -> None:
    refuse(TOKENS, RoutingTokens(b"another secret").seal(ROUTE))


def test_brokers_with_one_secret_read_each_others_tokens() -> None:
    assert RoutingTokens(b"a secret").open(TOKENS.seal(ROUTE), 1) == ROUTE


async def led(store: Store, **settings: Any) -> WayIn:
    await store.make("pc-1", "pc-2", **settings)
    if not settings:
        await store.set("CONTOSO\\Alice", "pc-1")
    return await store.connect(ALICE)


async def test_a_token_resolves_to_the_host_as_it_is_now(store: Store) -> None:
    way = await led(store)
    await store.change_host("pc-1", address="10.0.0.9", port=3390)

    host, route = await store.sessions.resolve(TENANT, way.routing_token, NOW_US)

    assert "loadbalanceinfo" not in way.rdp
    assert (host.name, host.reachable_at, host.port) == (f"{ENG}/hosts/pc-1", "10.0.0.9", 3390)
    assert way.expires_us == route.expires_us
    end_us = NOW_US + LIFETIME_SECONDS * 1_000_000
    assert end_us - 1_000_000 < route.expires_us <= end_us


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

    await resolve_nothing(store, way, now_us=NOW_US + LIFETIME_SECONDS * 1_000_000)


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
