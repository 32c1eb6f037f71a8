from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker_service.hosts.rules import Host
from broker_service.sessions.rdp import rdp_file


def host(address: str = "", port: int = 3389) -> Host:
    return Host(
        1, "tenantGroups/g/tenants/t/collections/c", "pc-1", "pc-1", "u", address, port, None, 1, 1
    )


def settings(content: str) -> dict[str, str]:
    """Return the settings of a file: `name:type` to value."""
    assert content.endswith("\r\n")
    pairs = {}
    for line in content.removesuffix("\r\n").split("\r\n"):
        name, kind, value = line.split(":", 2)
        assert f"{name}:{kind}" not in pairs
        pairs[f"{name}:{kind}"] = value
    return pairs


@pytest.mark.parametrize(
    ("address", "port", "target"),
    [
        ("", 3389, "pc-1:3389"),
        ("pc-1.contoso.com", 3389, "pc-1.contoso.com:3389"),
        ("10.0.0.7", 3390, "10.0.0.7:3390"),
        ("2001:db8::7", 3389, "[2001:db8::7]:3389"),
        ("::1", 40000, "[::1]:40000"),
    ],
)
def test_the_target_is_the_address_and_port_of_the_host(
    address: str, port: int, target: str
) -> None:
    found = settings(rdp_file(host(address, port), "alice@contoso.com"))

    assert found["full address:s"] == target
    # Clients prefer this one, so whoever can add a line must find it taken.
    assert found["alternate full address:s"] == target


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("username:s", "CONTOSO\\alice"),
        ("screen mode id:i", "2"),
        ("prompt for credentials:i", "1"),
        ("authentication level:i", "2"),
        ("enablecredsspsupport:i", "1"),
        ("negotiate security layer:i", "1"),
        ("disableconnectionsharing:i", "0"),
        ("autoreconnection enabled:i", "1"),
        ("redirectclipboard:i", "1"),
    ],
)
def test_a_full_desktop_is_opened_with_these_settings(setting: str, value: str) -> None:
    assert settings(rdp_file(host(), "CONTOSO\\alice"))[setting] == value


@given(st.text(st.characters(exclude_categories=["C", "Zl", "Zp"]), max_size=60))
def test_whatever_the_user_is_called_every_line_is_a_setting(user: str) -> None:
    found = settings(rdp_file(host(), user))

    assert found["username:s"] == user
    assert all(re.fullmatch(r"[a-z ]+:[is]", name) for name in found)
