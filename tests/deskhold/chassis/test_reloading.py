"""Certificates, key sets and settings are read again when they change; bad ones are left alone."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import grpc
import pytest

from deskhold import issuer
from deskhold.api.rbac.v1.scopes_pb2 import ListScopesRequest
from deskhold.channel import Endpoint, open_async
from deskhold.chassis import reloading
from deskhold.embedded.home import lay_out
from deskhold.embedded.paths import Home
from deskhold.errors import DeadlineExceeded, Unauthenticated
from tests import rpcs
from tests.deskhold.chassis.carrier import Carrier, Holding
from tests.deskhold.chassis.tokens import Tokens

REQUEST = ListScopesRequest(parent="/")


@pytest.fixture
def home(laid: Home, tmp_path: Path) -> Home:
    """A state directory of the test's own."""
    shutil.copytree(laid.path, tmp_path / "home", symlinks=True)
    return Home(tmp_path / "home")


@pytest.fixture
def other(tmp_path: Path) -> Home:
    """The state directory of another deployment."""
    return lay_out(tmp_path / "other", 41000)


@asynccontextmanager
async def serving(carrier: Carrier) -> AsyncIterator[Carrier]:
    running = asyncio.create_task(carrier.server.serve_until_told())
    try:
        await carrier.channel.channel_ready()
        yield carrier
    finally:
        os.kill(os.getpid(), signal.SIGTERM)
        await running
        await carrier.channel.close()


def carrier_of(home: Home) -> Carrier:
    return Carrier(
        home,
        tls_cert_file=home.tls_file("rbac"),
        tls_key_file=home.tls_key_file("rbac"),
        ca_file=home.ca_file,
        token_jwks_file=home.jwks_file,
    )


async def until_reloaded(carrier: Carrier, name: str, event: str = "reloaded") -> dict[str, Any]:
    while True:
        for line in carrier.lines:
            if line["event"] == event and line["name"] == name:
                return line
        await asyncio.sleep(0.01)


def replace_with(target: Path, source: Path) -> None:
    """Replace a file as whatever renews certificates does."""
    draft = target.with_name("draft")
    shutil.copy(source, draft)
    draft.replace(target)


async def call(address: str, home: Home, tokens: Tokens) -> Any:
    async with open_async(Endpoint(address, home.ca_file)) as channel:
        metadata = (("authorization", f"Bearer {tokens.of()}"),)
        return await rpcs.begin(channel, REQUEST, metadata=metadata, timeout=10)


async def test_new_connections_are_shown_a_certificate_that_was_renewed(
    home: Home, other: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reloading, "_LOOK_SECONDS", 0.01)
    async with serving(carrier_of(home)) as carrier:
        await call(carrier.address, home, carrier.tokens)

        replace_with(home.tls_file("rbac"), other.tls_file("rbac"))
        refused = await until_reloaded(carrier, "certificates", "cannot reload; the former stays")
        replace_with(home.tls_key_file("rbac"), other.tls_key_file("rbac"))
        await until_reloaded(carrier, "certificates")

        await call(carrier.address, other, carrier.tokens)  # who trusts the new authority
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await call(carrier.address, home, carrier.tokens)
    assert "is not the key of the certificate" in refused["reason"]
    assert caught.value.code() is grpc.StatusCode.UNAVAILABLE


async def test_tokens_of_a_key_that_is_gone_are_refused_and_of_a_new_one_accepted(
    home: Home, other: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reloading, "_LOOK_SECONDS", 0.01)
    async with serving(carrier_of(home)) as carrier:
        await carrier.call(REQUEST)

        replace_with(home.jwks_file, other.jwks_file)
        await until_reloaded(carrier, "token_keys")

        with pytest.raises(Unauthenticated):
            await carrier.call(REQUEST)
        key = issuer.load_key(other.issuer_key_file)
        signed = Tokens(other)
        assert issuer.thumbprint(key.public_key()) == signed.key_id
        metadata = (("authorization", f"Bearer {signed.of()}"),)
        await carrier.call(REQUEST, metadata=metadata)


async def test_a_key_set_that_cannot_be_used_leaves_the_former_in_use(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reloading, "_LOOK_SECONDS", 0.01)
    async with serving(carrier_of(home)) as carrier:
        home.jwks_file.write_text("{}")
        await until_reloaded(carrier, "token_keys", "cannot reload; the former stays")

        await carrier.call(REQUEST)


async def test_settings_that_changed_take_effect_at_once_or_are_named(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reloading, "_LOOK_SECONDS", 0.01)
    async with serving(carrier_of(home)) as carrier:
        carrier.behave = Holding()
        with home.settings_file.open("a") as file:
            file.write("DESKHOLD_MAX_SECONDS=0.05\nDESKHOLD_MAX_CONCURRENT=7\nDESKHOLD_GARDEN=1\n")
        await until_reloaded(carrier, "settings")

        with pytest.raises(DeadlineExceeded, match=r"took longer than 0\.05 s"):
            await carrier.call(REQUEST)
    said = {line["event"]: line for line in carrier.lines}
    assert said["changed settings take effect at the next start"]["settings"] == ["MAX_CONCURRENT"]
    assert said["unknown setting"]["problem"] == "DESKHOLD_GARDEN is no setting"


async def test_settings_that_cannot_be_used_leave_the_former_in_use(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reloading, "_LOOK_SECONDS", 0.01)
    async with serving(carrier_of(home)) as carrier:
        with home.settings_file.open("a") as file:
            file.write("DESKHOLD_MAX_SECONDS=never\n")
        refused = await until_reloaded(carrier, "settings", "cannot reload; the former stays")

        await carrier.call(REQUEST)
    assert "MAX_SECONDS='never'" in refused["reason"]


async def test_a_hangup_signal_reads_everything_again(home: Home) -> None:
    async with serving(carrier_of(home)) as carrier:
        os.kill(os.getpid(), signal.SIGHUP)

        await until_reloaded(carrier, "certificates")
        await until_reloaded(carrier, "token_keys")
        await until_reloaded(carrier, "settings")
        await carrier.call(REQUEST)
