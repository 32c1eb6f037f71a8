"""The `.rdp` file: `name:type:value` lines ended by CR LF (research/rds.md 7)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

from broker_service.hosts.rules import Host

# 2 = warn and let the user decide when the server's identity cannot be verified.
_AUTHENTICATION_LEVEL = 2
_DEFAULTS = (
    "screen mode id:i:2",
    "prompt for credentials:i:1",
    f"authentication level:i:{_AUTHENTICATION_LEVEL}",
    "enablecredsspsupport:i:1",
    "negotiate security layer:i:1",
    # 0: a session that the user left behind is taken up again.
    "disableconnectionsharing:i:0",
    "autoreconnection enabled:i:1",
    "redirectclipboard:i:1",
)
# What the broker alone says: custom lines of these names are left out.
_OWN = frozenset(
    {
        "full address",
        "alternate full address",
        "loadbalanceinfo",
        "username",
        "remoteapplicationmode",
        "remoteapplicationprogram",
        "remoteapplicationname",
        "remoteapplicationcmdline",
        "alternate shell",
        "disableremoteappcapscheck",
        "signscope",
        "signature",
    }
)
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


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


def rdp_file(
    host: Host,
    user: str,
    *,
    routing_token: str = "",
    custom: str = "",
    remote_app: RemoteApp | None = None,
) -> str:
    """Return a complete file that opens a desktop or an application on a host.

    `alternate full address` wins over `full address` in clients, so it is given too: nobody can add
    another one.

    Args:
        host: Where to.
        user: As whom.
        routing_token: For gateways and redirectors; empty: none.
        custom: The collection's own lines, separated by line feeds; they replace defaults.
        remote_app: What to open; None: the desktop.
    """
    address = host.reachable_at
    where = f"[{address}]" if ":" in address else address
    target = f"{where}:{host.port}"
    own = [("full address:s", target), ("alternate full address:s", target)]
    if routing_token:
        own.append(("loadbalanceinfo:s", routing_token))
    own.append(("username:s", user))
    return f"{_lines(own)}{_same_for_all(custom)}{_lines(_application(remote_app))}"


@lru_cache(maxsize=4096)
def _same_for_all(custom: str) -> str:
    added = [_plain(line).strip() for line in custom.split("\n")]
    lines = {_name(line): line for line in (*_DEFAULTS, *filter(None, added))}
    return "".join(f"{line}\r\n" for name, line in lines.items() if name not in _OWN)


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
        ("alternate shell:s", alias),
        ("disableremoteappcapscheck:i", "1"),
    ]


def _lines(settings: Iterable[tuple[str, str]]) -> str:
    # A value that ended its line would begin one of its own.
    return "".join([f"{name}:{_plain(value)}\r\n" for name, value in settings])


def _plain(value: str) -> str:
    return value if value.isprintable() else _CONTROL.sub(" ", value)
