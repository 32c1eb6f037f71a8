"""The `.rdp` file: `name:type:value` lines ended by CR LF."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from broker_service.collections.rdp_properties import is_own
from broker_service.collections.rules import RoutingTokenFormat

# 2: warn the user when the server's identity cannot be verified.
_AUTHENTICATION_LEVEL: Final = 2
_DEFAULTS: Final = (
    "screen mode id:i:2",
    "prompt for credentials:i:1",
    f"authentication level:i:{_AUTHENTICATION_LEVEL}",
    "enablecredsspsupport:i:1",
    "negotiate security layer:i:1",
    # 0: reconnect to a session that the user has there.
    "disableconnectionsharing:i:0",
    "autoreconnection enabled:i:1",
    "redirectclipboard:i:1",
)
_TOKEN_PREFIXES: Final = {
    RoutingTokenFormat.PLAIN: "",
    RoutingTokenFormat.MSTS_COOKIE: "Cookie: msts=",
}
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


@dataclass(frozen=True, slots=True)
class Target:
    """The address that a client connects to.

    Attributes:
        address: Name or IP address of the host, or of its collection's gateway.
        port: The port there.
        load_balance_info: The routing token in the form that the gateway reads; empty: there is
            no gateway, or no token.
    """

    address: str
    port: int
    load_balance_info: str = ""

    @property
    def host_and_port(self) -> str:
        """Both in one, an IPv6 address in brackets."""
        where = f"[{self.address}]" if ":" in self.address else self.address
        return f"{where}:{self.port}"


@dataclass(frozen=True, slots=True)
class RemoteApp:
    """The application that a file opens instead of a desktop.

    Attributes:
        application_id: Its alias on the host.
        display_name: What people see.
        arguments: Its command line.
    """

    application_id: str
    display_name: str
    arguments: str


def load_balance_info(token: str, format: RoutingTokenFormat) -> str:
    """Return the value of `loadbalanceinfo` for a routing token."""
    return _TOKEN_PREFIXES[format] + token


def rdp_file(
    target: Target,
    user: str,
    *,
    custom: str = "",
    remote_app: RemoteApp | None = None,
    to_be_signed: bool = False,
) -> str:
    """Return a complete file that opens a desktop or an application.

    Args:
        target: The address to connect to.
        user: The user's name as the file spells it.
        custom: The collection's own properties, one a line; they replace defaults.
        remote_app: The application to open; None: the desktop.
        to_be_signed: Whether the file will be signed. Clients prefer the alternate address, and one
            that is missing could be added to a signed file without breaking its signature. So such
            a file has its address twice, as rdpsign.exe writes it.
    """
    own = [("full address:s", target.host_and_port)]
    if to_be_signed:
        own.append(("alternate full address:s", target.host_and_port))
    if target.load_balance_info:
        own.append(("loadbalanceinfo:s", target.load_balance_info))
    own.append(("username:s", user))
    return f"{_lines(own)}{_same_for_all(custom)}{_lines(_application(remote_app))}"


def encoded(content: str) -> bytes:
    """Return a file as mstsc writes it: UTF-16LE with a byte order mark."""
    return codecs.BOM_UTF16_LE + content.encode("utf-16-le")


@lru_cache(maxsize=4096)
def _same_for_all(custom: str) -> str:
    added = [_plain(line).strip() for line in custom.split("\n")]
    lines = {_name(line): line for line in (*_DEFAULTS, *filter(None, added))}
    return "".join(f"{line}\r\n" for name, line in lines.items() if not is_own(name))


def _name(line: str) -> str:
    return line.partition(":")[0].strip().lower()


def _application(remote_app: RemoteApp | None) -> list[tuple[str, str]]:
    if remote_app is None:
        return []
    alias = f"||{remote_app.application_id}"
    return [
        ("remoteapplicationmode:i", "1"),
        ("remoteapplicationprogram:s", alias),
        ("remoteapplicationname:s", remote_app.display_name or remote_app.application_id),
        ("remoteapplicationcmdline:s", remote_app.arguments),
        # 1: expand environment variables on the host, not on the client.
        ("remoteapplicationexpandcmdline:i", "1"),
        ("remoteapplicationexpandworkingdir:i", "1"),
        ("alternate shell:s", alias),
        ("disableremoteappcapscheck:i", "1"),
    ]


def _lines(settings: Iterable[tuple[str, str]]) -> str:
    # A value that ended its line would begin one of its own.
    return "".join([f"{name}:{_plain(value)}\r\n" for name, value in settings])


def _plain(value: str) -> str:
    return value if value.isprintable() else _CONTROL.sub(" ", value)
