"""The `.rdp` file: `name:type:value` lines ended by CR LF (research/rds.md 7)."""

from __future__ import annotations

from broker_service.hosts.rules import Host

# 2 = warn and let the user decide when the server's identity cannot be verified.
_AUTHENTICATION_LEVEL = 2
_SAME_FOR_ALL = "".join(
    f"{line}\r\n"
    for line in (
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
)


def rdp_file(host: Host, user: str) -> str:
    """Return a complete file that opens a full desktop on a host.

    `alternate full address` wins over `full address` in clients, so it is given too: nobody can add
    another one.
    """
    address = host.reachable_at
    where = f"[{address}]" if ":" in address else address
    target = f"{where}:{host.port}"
    return (
        f"full address:s:{target}\r\nalternate full address:s:{target}\r\n"
        f"username:s:{user}\r\n{_SAME_FOR_ALL}"
    )
