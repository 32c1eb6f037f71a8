"""First packets, built from [MS-RDPBCGR] 2.2.1.1 and X.224 alone."""

from __future__ import annotations

import struct

# RDP_NEG_REQ: type, flags, length, protocols.
TLS_AND_NLA = struct.pack("<BBHI", 1, 0, 8, 3)


def built(variable: bytes, *, references: bytes = bytes(4), code: int = 0xE0) -> bytes:
    """Return a connection request whose variable part is given."""
    tpdu = bytes((code,)) + references + b"\0" + variable
    return struct.pack(">BBHB", 3, 0, 5 + len(tpdu), len(tpdu)) + tpdu


def asking(token: str, form: str = "{}\r\n", negotiation: bytes = TLS_AND_NLA) -> bytes:
    """Return the connection request of a client that was given a token."""
    return built(form.format(token).encode() + negotiation)
