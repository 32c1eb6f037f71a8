"""The first packet of an RDP connection: a Connection Request of X.224 in TPKT, read and rebuilt.

The form is that of [MS-RDPBCGR] 2.2.1.1, in bytes:

    TPKT   03 00, length of the whole packet in two bytes, the high one first
    X.224  length of what follows it in one byte; E0; destination and source reference; class
    token  optional: a routing token, or a cookie, and CR LF
    RDP    optional: RDP_NEG_REQ, and after it optionally RDP_NEG_CORRELATION_INFO

Pure functions: nothing here reads from or writes to a connection, and no message holds a token.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

TPKT_BYTES = 4
# TPKT, the length byte of X.224, and the largest length that X.224 allows: 255 is reserved.
MAX_PACKET_BYTES = TPKT_BYTES + 1 + 254
_FIXED_BYTES = 6  # code, two references, class: the least that follows the length byte
_LEAST_BYTES = TPKT_BYTES + 1 + _FIXED_BYTES
_VERSION = 3
_CONNECTION_REQUEST = 0xE0
_NEGOTIATION = re.compile(
    # A request, or a request that announces correlation info (flag 08), and that info.
    rb"\x01[\x00-\xff]\x08\x00[\x00-\xff]{4}(?:\x06\x00\x24\x00[\x00-\xff]{32})?"
)
_CORRELATION_INFO_PRESENT = 0x08
_NEGOTIATION_BYTES = 8
_COOKIE = re.compile(rb"cookie: *(msts=)?", re.IGNORECASE)
# A Connection Confirm with an RDP_NEG_FAILURE ([MS-RDPBCGR] 2.2.1.2.2). The protocol has no code
# for a refused token. INCONSISTENT_FLAGS is the only one that does not blame certificates or
# Network Level Authentication, which are not at fault.
REFUSAL = bytes.fromhex("03000013 0ed00000000000 03000800 04000000")


class Malformed(ValueError):
    """The bytes are no Connection Request; the message says where they differ, without quoting."""


@dataclass(frozen=True, slots=True)
class ConnectionRequest:
    """The first packet of a client.

    Attributes:
        token: The routing token; empty when there is none, or another cookie in its place.
        fixed: Code, references and class, as received.
        negotiation: The RDP negotiation request and correlation info, as received; may be empty.
    """

    token: str
    fixed: bytes
    negotiation: bytes

    def without_token(self) -> bytes:
        """Return the packet for the host, with both lengths as they are without the token.

        The token is a credential, good for any gateway until it expires, so a host must not receive
        it. No host needs it: the field is optional and made for what stands in front of hosts. xrdp
        opens the same desktop with it and without.
        """
        body = self.fixed + self.negotiation
        return (
            bytes((_VERSION, 0))
            + (TPKT_BYTES + 1 + len(body)).to_bytes(2, "big")
            + bytes((len(body),))
            + body
        )


def packet_length(tpkt: bytes) -> int:
    """Return the length of the packet that begins with these four bytes, themselves included.

    Raises:
        Malformed: No Connection Request begins so.
    """
    if tpkt[0] != _VERSION:
        raise Malformed(f"it begins with {tpkt[0]:#04x}, not with the version 3 of TPKT")
    length = int.from_bytes(tpkt[2:TPKT_BYTES], "big")
    if not _LEAST_BYTES <= length <= MAX_PACKET_BYTES:
        raise Malformed(
            f"it announces {length} bytes; a connection request has {_LEAST_BYTES}"
            f" to {MAX_PACKET_BYTES}"
        )
    return length


def parse(packet: bytes) -> ConnectionRequest:
    """Read a whole packet, as long as `packet_length` says.

    Raises:
        Malformed: It is no Connection Request.
    """
    if packet[TPKT_BYTES] != len(packet) - TPKT_BYTES - 1:
        raise Malformed(f"X.224 announces {packet[TPKT_BYTES]} bytes in a packet of {len(packet)}")
    fixed = packet[TPKT_BYTES + 1 : _LEAST_BYTES]
    # The low half of the code is the initial credit, which RDP leaves at 0.
    if fixed[0] != _CONNECTION_REQUEST:
        raise Malformed(f"its code is {fixed[0]:#04x}, not that of a connection request")
    line, end, rest = packet[_LEAST_BYTES:].partition(b"\r\n")
    if not end or _is_negotiation(line + end + rest):
        # CR LF may also be two bytes of a correlation id.
        line, rest = b"", packet[_LEAST_BYTES:]
    if rest and not _is_negotiation(rest):
        raise Malformed("no RDP negotiation request follows the CR LF of its token or cookie")
    return ConnectionRequest(_token(line), fixed, rest)


def _is_negotiation(data: bytes) -> bool:
    if not _NEGOTIATION.fullmatch(data):
        return False
    return bool(data[1] & _CORRELATION_INFO_PRESENT) == (len(data) > _NEGOTIATION_BYTES)


def _token(line: bytes) -> str:
    """Return the token in a line: all of it, or the value of the cookie `msts`.

    Cookies are recognised as HAProxy's `rdp_cookie` does: without regard to case, with any number
    of spaces before the name.
    """
    cookie = _COOKIE.match(line)
    if cookie:
        line = line[cookie.end() :] if cookie[1] else b""
    try:
        token = line.decode("ascii").removesuffix(" ")
    except UnicodeDecodeError:
        raise Malformed("its routing token is not ASCII") from None
    if token and not token.isprintable():
        raise Malformed("its routing token holds control characters")
    return token
