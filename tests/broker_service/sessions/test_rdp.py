from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker_service.collections.rules import RoutingTokenFormat
from broker_service.sessions.rdp import (
    RemoteApp,
    Target,
    encoded,
    load_balance_info,
    rdp_file,
)

PC_1 = Target("pc-1", 3389)


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
        ("pc-1", 3389, "pc-1:3389"),
        ("pc-1.contoso.com", 3389, "pc-1.contoso.com:3389"),
        ("10.0.0.7", 3390, "10.0.0.7:3390"),
        ("2001:db8::7", 3389, "[2001:db8::7]:3389"),
        ("::1", 40000, "[::1]:40000"),
    ],
)
def test_the_file_leads_to_an_address_and_a_port(address: str, port: int, target: str) -> None:
    found = settings(rdp_file(Target(address, port), "alice@contoso.com"))

    assert found["full address:s"] == target
    assert "alternate full address:s" not in found


def test_a_file_to_be_signed_has_its_address_twice_so_that_none_can_be_added() -> None:
    found = settings(rdp_file(PC_1, "alice@contoso.com", to_be_signed=True))

    assert found["full address:s"] == found["alternate full address:s"] == "pc-1:3389"


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
    assert settings(rdp_file(PC_1, "CONTOSO\\alice"))[setting] == value


@given(st.text(st.characters(exclude_categories=["C", "Zl", "Zp"]), max_size=60))
def test_whatever_the_user_is_called_every_line_is_a_setting(user: str) -> None:
    found = settings(rdp_file(PC_1, user))

    assert found["username:s"] == user
    assert all(re.fullmatch(r"[a-z ]+:[is]", name) for name in found)


@pytest.mark.parametrize(
    ("format", "value"),
    [(RoutingTokenFormat.PLAIN, "dh2.x"), (RoutingTokenFormat.MSTS_COOKIE, "Cookie: msts=dh2.x")],
)
def test_a_gateways_routing_token_stands_behind_its_address(
    format: RoutingTokenFormat, value: str
) -> None:
    target = Target("gate", 3389, load_balance_info("dh2.x", format))

    lines = rdp_file(target, "alice@contoso.com").split("\r\n")

    assert lines[:2] == ["full address:s:gate:3389", f"loadbalanceinfo:s:{value}"]
    assert "loadbalanceinfo" not in rdp_file(PC_1, "alice@contoso.com")


def test_a_file_is_handed_out_as_windows_writes_it() -> None:
    content = encoded(rdp_file(PC_1, "CONTOSO\\jürgen.山田"))

    assert content.startswith(b"\xff\xfe")
    text = content.decode("utf-16")
    assert "username:s:CONTOSO\\jürgen.山田\r\n" in text
    assert text.count("\n") == text.count("\r\n") == len(text.splitlines())


def test_custom_lines_replace_defaults_and_add_to_them() -> None:
    custom = "Screen Mode ID:i:1\n\n redirectclipboard:i:0 \r\ndrivestoredirect:s:*"

    found = settings(rdp_file(PC_1, "alice@contoso.com", custom=custom))

    assert "screen mode id:i" not in found
    assert found["Screen Mode ID:i"] == "1"
    assert found["redirectclipboard:i"] == "0"
    assert found["drivestoredirect:s"] == "*"
    assert found["authentication level:i"] == "2"


@pytest.mark.parametrize(
    "line",
    [
        "full address:s:evil",
        "FULL ADDRESS:s:evil",
        " alternate full address :s:evil",
        "loadbalanceinfo:s:evil",
        "username:s:evil",
        "alternate shell:s:evil",
        "remoteapplicationprogram:s:evil",
        "signature:s:evil",
        "signscope:s:evil",
    ],
)
def test_custom_lines_do_not_say_what_the_broker_says(line: str) -> None:
    assert "evil" not in rdp_file(PC_1, "alice@contoso.com", custom=line)


def test_an_application_is_opened_by_its_alias() -> None:
    remote_app = RemoteApp("word", "Word processor", "/n")

    found = settings(rdp_file(PC_1, "alice@contoso.com", remote_app=remote_app))

    assert found["remoteapplicationmode:i"] == "1"
    assert found["remoteapplicationprogram:s"] == found["alternate shell:s"] == "||word"
    assert found["remoteapplicationname:s"] == "Word processor"
    assert found["remoteapplicationcmdline:s"] == "/n"
    assert found["remoteapplicationexpandcmdline:i"] == "1"
    assert found["remoteapplicationexpandworkingdir:i"] == "1"
    assert found["disableremoteappcapscheck:i"] == "1"


EXPECTED = {line.partition(":")[0] for line in rdp_file(PC_1, "x").split("\r\n")[:-1]} | {
    "remoteapplicationmode",
    "remoteapplicationprogram",
    "remoteapplicationname",
    "remoteapplicationcmdline",
    "remoteapplicationexpandcmdline",
    "remoteapplicationexpandworkingdir",
    "alternate shell",
    "disableremoteappcapscheck",
    "audiomode",
}
hostile = st.text(max_size=40) | st.just("x\r\nfull address:s:evil\r\n")


@given(hostile, hostile, hostile, hostile, hostile)
def test_no_value_begins_a_line_of_its_own(
    user: str, address: str, display_name: str, arguments: str, volume: str
) -> None:
    content = rdp_file(
        Target(address, 3389),
        user,
        custom="audiomode:i:" + volume.replace("\n", ""),
        remote_app=RemoteApp("word", display_name, arguments),
    )

    lines = content.split("\r\n")
    assert lines.pop() == ""
    # As a client might cut it, whatever it takes for the end of a line.
    assert len(content.splitlines()) == len(lines)
    assert {line.partition(":")[0] for line in lines} == EXPECTED
