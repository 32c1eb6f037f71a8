from __future__ import annotations

import pytest

from broker_service.collections import rdp_properties
from deskhold.errors import InvalidArgument

FIELD = "collection.custom_rdp_properties"


def refused(text: str) -> str:
    """Return why a text is refused."""
    with pytest.raises(InvalidArgument) as caught:
        rdp_properties.check(text, field=FIELD)
    assert caught.value.reason == "FIELD_VIOLATION"
    assert caught.value.metadata == {"field": FIELD}
    return caught.value.message


@pytest.mark.parametrize(
    "text",
    [
        "",
        "audiomode:i:0",
        "AudioMode:i:2",
        "use multimon:i:1\nredirectclipboard:i:0",
        "drivestoredirect:s:*",
        "drivestoredirect:s:",
        "gatewayhostname:s:gate.contoso.com:443",
        "kdcproxyname:s:ümlaut",
        "autoreconnect max retries:i:-1",
        "password 51:b:01AbFF",
    ],
)
def test_what_clients_know_may_be_set(text: str) -> None:
    rdp_properties.check(text, field=FIELD)


@pytest.mark.parametrize(
    "name",
    [
        "full address",
        "Full Address",
        "alternate full address",
        "server port",
        "username",
        "loadbalanceinfo",
        "use redirection server name",
        "signscope",
        "signature",
        "alternate shell",
        "remoteapplicationmode",
        "RemoteApplicationProgram",
        "remoteapplicationanything",
    ],
)
def test_what_the_broker_sets_is_refused_by_name(name: str) -> None:
    assert refused(f"audiomode:i:0\n{name}:s:x") == (
        f"{FIELD}: line 2: '{name}' is set by the broker; leave it out"
    )


@pytest.mark.parametrize(
    "name", ["audiomodes", "", " audiomode", "audiomode ", "evil", "audi0mode"]
)
def test_what_no_client_knows_is_refused_by_name(name: str) -> None:
    assert f"line 1: {name!r} is no RDP property that clients know" in refused(f"{name}:i:1")


@pytest.mark.parametrize("line", ["audiomode", "audiomode:i", "audiomode:x:1", "audiomode::1", " "])
def test_a_line_has_a_name_a_type_and_a_value(line: str) -> None:
    assert f"{line!r} is not name:type:value" in refused(line)


@pytest.mark.parametrize("text", ["\n", "audiomode:i:0\n", "audiomode:i:0\n\nuse multimon:i:1"])
def test_no_line_is_empty(text: str) -> None:
    assert "'' is not name:type:value" in refused(text)


@pytest.mark.parametrize(
    ("line", "hint"),
    [
        ("audiomode:s:0", "an integer; write audiomode:i:VALUE"),
        ("audiomode:i:", "an integer; write audiomode:i:VALUE"),
        ("audiomode:i:one", "an integer; write audiomode:i:VALUE"),
        ("audiomode:i:1.5", "an integer; write audiomode:i:VALUE"),
        ("audiomode:i: 1", "an integer; write audiomode:i:VALUE"),
        ("audiomode:i:٣", "an integer; write audiomode:i:VALUE"),
        ("audiomode:i:4294967296", "an integer; write audiomode:i:VALUE"),
        ("drivestoredirect:i:1", "text; write drivestoredirect:s:VALUE"),
        ("password 51:b:0", "hexadecimal bytes; write password 51:b:VALUE"),
        ("password 51:b:xy", "hexadecimal bytes; write password 51:b:VALUE"),
    ],
)
def test_a_value_is_of_the_type_of_its_name(line: str, hint: str) -> None:
    assert hint in refused(line)


def test_a_name_is_there_once_case_aside() -> None:
    assert "line 3: 'AUDIOMODE' is there twice" in refused(
        "audiomode:i:0\nuse multimon:i:1\nAUDIOMODE:i:1"
    )


@pytest.mark.parametrize(
    "character", ["\r", "\v", "\f", "\0", "\t", "\x1c", "\x85", "\u2028", "\u2029"]
)
def test_no_value_brings_a_line_of_its_own(character: str) -> None:
    told = refused(f"domain:s:contoso{character}full address:s:evil.example")

    assert "line 1: it holds a control character; separate lines by line feeds only" in told


def test_a_line_feed_ends_a_value() -> None:
    assert "line 2: 'full address' is set by the broker" in refused(
        "domain:s:contoso\nfull address:s:evil.example"
    )
