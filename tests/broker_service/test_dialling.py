"""Which addresses of rbac gRPC is given."""

from __future__ import annotations

import socket
from typing import Any

import pytest

from broker_service import dialling
from deskhold.chassis.settings import SettingsError, addresses


def look_up(names: dict[str, list[str]]) -> Any:
    def getaddrinfo(host: str, port: str, **_: Any) -> list[Any]:
        if host not in names:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return [
            (socket.AF_INET6 if ":" in one else socket.AF_INET, None, 6, "", (one, int(port)))
            for one in names[host]
        ]

    return getaddrinfo


@pytest.mark.parametrize(
    ("given", "target"),
    [
        ("rbac:7445", "dns:///rbac:7445"),
        ("a:1,b:2", "ipv4:10.0.0.1:1,10.0.0.2:2,10.0.0.3:2"),
        ("b:2, a:1", "ipv4:10.0.0.1:1,10.0.0.2:2,10.0.0.3:2"),
        ("a:1,gone:1", "ipv4:10.0.0.1:1"),
        ("six:1,[fd00::7]:2", "ipv6:[fd00::6]:1,[fd00::7]:2"),
        ("six:1,a:1", "ipv4:10.0.0.1:1"),
    ],
)
def test_a_name_is_looked_up_by_grpc_and_the_names_of_a_list_here(
    monkeypatch: pytest.MonkeyPatch, given: str, target: str
) -> None:
    known = {
        "a": ["10.0.0.1"],
        "b": ["10.0.0.2", "10.0.0.3"],
        "six": ["fd00::6"],
        "fd00::7": ["fd00::7"],
    }
    monkeypatch.setattr(socket, "getaddrinfo", look_up(known))

    assert dialling._target(addresses(given)) == target


def test_a_list_of_which_no_name_is_known_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", look_up({}))

    with pytest.raises(SettingsError, match="none of the names in a:1,b:2 can be looked up"):
        dialling._target(("a:1", "b:2"))


@pytest.mark.parametrize("text", ["", "a", "a:1,", "a:1,b"])
def test_what_is_no_list_of_addresses_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="host:port"):
        addresses(text)
