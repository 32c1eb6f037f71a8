"""Routing tokens: where a client may go, for gateways and redirectors.

A token travels in the `loadbalanceinfo` of an `.rdp` file and in the first packet of a connection.
It says who goes where until when, encrypted and authenticated at once (AES-GCM), so that nobody
reads or makes one. Some clients want an even number of characters; a token has one.
"""

from __future__ import annotations

import base64
import binascii
from typing import NamedTuple

import orjson
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from broker_service.collections.rules import Collection, CollectionType
from broker_service.hosts.rules import Host
from deskhold.chassis.nonces import NONCE_BYTES, new_nonce
from deskhold.errors import InvalidArgument

LIFETIME_US = 300 * 1_000_000
_PREFIX = "dh1."
_FILLER = "."


class Route(NamedTuple):
    """Where a token leads.

    Attributes:
        host: The host's resource name.
        uid: Tells it from a later one of the same name.
        user: Who goes there, as given.
        user_key: Who goes there, as compared.
        expires_us: Until when.
    """

    host: str
    uid: str
    user: str
    user_key: str
    expires_us: int

    def leads_to(self, host: Host, collection: Collection) -> bool:
        """Say whether the user may still go to what is stored under the host's name now."""
        if host.uid != self.uid:
            return False
        if collection.draft.type is CollectionType.POOLED:
            return True
        return host.hold is not None and host.hold.user_key == self.user_key


class RoutingTokens:
    """Makes and reads routing tokens.

    Args:
        secret: What the key is derived from; all brokers of a deployment have the same.
    """

    def __init__(self, secret: bytes) -> None:
        key = HKDF(SHA256(), 32, salt=None, info=b"deskhold routing token").derive(secret)
        self._cipher = AESGCM(key)

    def seal(self, route: Route) -> str:
        """Return the token of a route: opaque, of even length, safe in URLs and `.rdp` files."""
        content = orjson.dumps(
            (route.host, route.uid, route.user, route.user_key, route.expires_us)
        )
        nonce = new_nonce()
        sealed = nonce + self._cipher.encrypt(nonce, content, None)
        token = _PREFIX + base64.urlsafe_b64encode(sealed).rstrip(b"=").decode()
        return token if len(token) % 2 == 0 else token + _FILLER

    def open(self, token: str, now_us: int) -> Route:
        """Return where a token leads; one trailing space, as some clients add it, does not matter.

        Raises:
            InvalidArgument: It was not made here, or is too old.
        """
        try:
            text = token.removesuffix(" ").removesuffix(_FILLER)
            if not text.startswith(_PREFIX):
                raise routing_token_invalid()
            body = text.removeprefix(_PREFIX)
            sealed = base64.b64decode(body + "=" * (-len(body) % 4), altchars=b"-_", validate=True)
            nonce, content = sealed[:NONCE_BYTES], sealed[NONCE_BYTES:]
            route = Route(*orjson.loads(self._cipher.decrypt(nonce, content, None)))
        except (binascii.Error, InvalidTag, ValueError):
            raise routing_token_invalid() from None
        if route.expires_us <= now_us:
            raise routing_token_invalid()
        return route


def routing_token_invalid() -> InvalidArgument:
    """Return the refusal of a token, which does not say what is wrong with it."""
    return InvalidArgument(
        "token: was not issued by this deployment for this tenant, or leads nowhere any more;"
        " connect again",
        reason="ROUTING_TOKEN_INVALID",
        metadata={"field": "token"},
    )
