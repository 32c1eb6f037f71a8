"""Revision tokens: epoch, revision and a MAC, opaque to those who carry them.

A token proves that a revision was reached; an answer that is at least as fresh reflects it. One of
another epoch comes from before a restore and says nothing about this history: it asks for full
consistency.
"""

from __future__ import annotations

import base64
import hmac
from dataclasses import dataclass

_MAC_BYTES = 12
_PURPOSE = b"deskhold revision token\0"


@dataclass(frozen=True, slots=True)
class Revision:
    """A place in a history of the policy.

    Attributes:
        epoch: Which history.
        number: Which revision of it.
    """

    epoch: str
    number: int


class Tokens:
    """Makes and reads revision tokens.

    Args:
        key: Secret of the deployment.
    """

    def __init__(self, key: bytes) -> None:
        self._key = key
        # Nearly every answer is of the same revision as the one before.
        self._last = ("", -1, "")

    def make(self, epoch: str, number: int) -> str:
        """Return the token of a revision of a history."""
        last_epoch, last_number, token = self._last
        if number != last_number or epoch != last_epoch:
            token = self._make(epoch, number)
            self._last = epoch, number, token
        return token

    def _make(self, epoch: str, number: int) -> str:
        body = f"{epoch}.{number}".encode()
        return base64.urlsafe_b64encode(self._mac(body) + body).decode().rstrip("=")

    def read(self, token: str) -> Revision | None:
        """Return the revision of a token, or None when it was not made with this key."""
        try:
            raw = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
        except ValueError:
            return None
        mac, body = raw[:_MAC_BYTES], raw[_MAC_BYTES:]
        if not hmac.compare_digest(mac, self._mac(body)):
            return None
        epoch, _, number = body.decode().partition(".")
        return Revision(epoch, int(number))

    def _mac(self, body: bytes) -> bytes:
        return hmac.digest(self._key, _PURPOSE + body, "sha256")[:_MAC_BYTES]
