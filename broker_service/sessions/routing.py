"""Routing tokens, which lead gateways and redirectors to the host of a client.

A token travels in the `loadbalanceinfo` line of an `.rdp` file and from there in the X.224
Connection Request (MS-RDPBCGR 2.2.1.1), whose length is one byte. So a token has a fixed size
whatever the names: it refers to a host by number and holds digests instead of names, encrypted and
authenticated (AES-GCM).
"""

from __future__ import annotations

import base64
import hashlib
import os
import struct
from typing import Final, NamedTuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from broker_service.collections.rules import CollectionType
from broker_service.hosts.rules import Host
from deskhold.chassis.settings import count
from deskhold.errors import InvalidArgument

LIFETIME_SECONDS: Final = 300
MAX_LIFETIME_SECONDS: Final = 30 * 24 * 3600
# Characters of every token: the prefix and 72 bytes in base64. Even, since the documentation of
# Microsoft's ActiveX client asks for an even length.
TOKEN_LENGTH: Final = 100
_PREFIX: Final = "dh2."
_PREFIX_WITH_NAMES: Final = "dh1."
_NONCE_BYTES: Final = 12
_DIGEST_BYTES: Final = 16
# The host's number, the digests of its uid and of the user's key, and the end in seconds.
_CONTENT: Final = struct.Struct(f">Q{_DIGEST_BYTES}s{_DIGEST_BYTES}sI")


class Route(NamedTuple):
    """The host that a token leads to, and the user it was issued to.

    Attributes:
        host: The host's number in the store.
        uid_digest: Digest of the host's uid, which differs from that of a later host with the same
            number.
        user_digest: Digest of the key of the user the token was issued to.
        expires_us: When it expires, in microseconds since the epoch; a whole second.
    """

    host: int
    uid_digest: bytes
    user_digest: bytes
    expires_us: int

    @classmethod
    def to(cls, host: Host, user_key: str, *, end_us: int) -> Route:
        """Return the route of a user to a host that expires at a time, rounded down to a second."""
        whole_us = end_us - end_us % 1_000_000
        return cls(host.id, _digest(host.uid), _digest(user_key), whole_us)

    def leads_to(self, host: Host, type: CollectionType) -> bool:
        """Return whether the user may still go to the host that has the number now."""
        if _digest(host.uid) != self.uid_digest:
            return False
        if type is CollectionType.POOLED:
            return True
        return host.hold is not None and _digest(host.hold.user_key) == self.user_digest


class RoutingTokens:
    """Makes and reads routing tokens.

    Args:
        secret: What the key is derived from; all brokers of a deployment have the same.
        lifetime_seconds: How long a token is valid.
    """

    def __init__(self, secret: bytes, lifetime_seconds: int = LIFETIME_SECONDS) -> None:
        self._lifetime_us = lifetime_seconds * 1_000_000
        key = HKDF(SHA256(), 32, salt=None, info=b"deskhold routing token 2").derive(secret)
        self._cipher = AESGCM(key)

    def issue(self, host: Host, user_key: str, *, now_us: int) -> tuple[str, int]:
        """Return a user's token to a host, and when it expires."""
        route = Route.to(host, user_key, end_us=now_us + self._lifetime_us)
        return self.seal(route), route.expires_us

    def seal(self, route: Route) -> str:
        """Return the token of a route: `TOKEN_LENGTH` characters, safe in URLs and `.rdp` files."""
        end_seconds = route.expires_us // 1_000_000
        content = _CONTENT.pack(route.host, route.uid_digest, route.user_digest, end_seconds)
        nonce = os.urandom(_NONCE_BYTES)
        sealed = nonce + self._cipher.encrypt(nonce, content, None)
        return _PREFIX + base64.urlsafe_b64encode(sealed).decode()

    def open(self, token: str, now_us: int) -> Route:
        """Return where a token leads; one trailing space, as some clients add it, is ignored.

        Raises:
            InvalidArgument: It was not made here, has expired, or has the form of an earlier
                version.
        """
        text = token.removesuffix(" ")
        if text.startswith(_PREFIX_WITH_NAMES):
            raise _invalid(
                "has the form of an earlier version (dh1.), which is no longer read; connect again"
                " for a new .rdp file"
            )
        try:
            if not text.startswith(_PREFIX):
                raise routing_token_invalid()
            sealed = base64.b64decode(text.removeprefix(_PREFIX), altchars=b"-_", validate=True)
            nonce, content = sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:]
            host, uid, user, end_seconds = _CONTENT.unpack(
                self._cipher.decrypt(nonce, content, None)
            )
        except (InvalidTag, ValueError):
            raise routing_token_invalid() from None
        route = Route(host, uid, user, end_seconds * 1_000_000)
        if route.expires_us <= now_us:
            raise routing_token_invalid()
        return route


def lifetime_seconds(text: str) -> int:
    """Return the lifetime that a setting gives to tokens, in seconds, at most 30 days.

    Raises:
        ValueError: It is no whole number of seconds, or more; a token stores its end in 32 bits.
    """
    seconds = count(text)
    if seconds > MAX_LIFETIME_SECONDS:
        raise ValueError(f"is more than {MAX_LIFETIME_SECONDS} seconds (30 days)")
    return seconds


def routing_token_invalid() -> InvalidArgument:
    """Return the refusal of a token, which does not reveal what is wrong with it."""
    return _invalid(
        "was not issued by this deployment for this tenant, has expired, or its host is no longer"
        " the user's; connect again"
    )


def _invalid(problem: str) -> InvalidArgument:
    return InvalidArgument(
        f"token: {problem}", reason="ROUTING_TOKEN_INVALID", metadata={"field": "token"}
    )


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()[:_DIGEST_BYTES]
