"""Opaque page tokens (AIP-158), bound to the query and the caller they were issued for.

A token holds the last key of its page, so that a page costs the same wherever it is and rows added
meanwhile do not shift it.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from google.protobuf.message import Message

from deskhold.errors import InvalidArgument

DEFAULT_PAGE_SIZE = 100
MAX_PAGE_SIZE = 1000
_MAC_BYTES = 16

_Row = TypeVar("_Row")


@dataclass(frozen=True, slots=True)
class Page:
    """What a list is to return.

    Attributes:
        size: How many at the most.
        after: The last key of the page before; None for the first page.
    """

    size: int
    after: str | None

    @property
    def probe(self) -> int:
        """How many rows to ask for: one more than fits tells whether another page follows."""
        return self.size + 1


class Pager:
    """Issues and reads page tokens.

    Args:
        key: Secret of the deployment; every process of a service has the same one.
    """

    def __init__(self, key: bytes) -> None:
        self._key = key

    def open(self, request: Any, caller_key: str) -> Page:
        """Return the page that a list request asks for.

        Raises:
            InvalidArgument: The token was not issued for this query and caller.
        """
        size = min(request.page_size or DEFAULT_PAGE_SIZE, MAX_PAGE_SIZE)
        if not request.page_token:
            return Page(size, None)
        return Page(size, self._read(request.page_token, _query(request, caller_key)))

    def close(
        self,
        request: Any,
        caller_key: str,
        page: Page,
        rows: Sequence[_Row],
        key_of: Callable[[_Row], str],
    ) -> tuple[Sequence[_Row], str]:
        """Return the rows of the page and the token of the next one; empty after the last."""
        shown = rows[: page.size]
        if len(rows) <= page.size:
            return shown, ""
        body = json.dumps(key_of(shown[-1])).encode()
        token = self._mac(body, _query(request, caller_key)) + body
        return shown, base64.urlsafe_b64encode(token).decode()

    def _read(self, token: str, query: bytes) -> str:
        try:
            raw = base64.urlsafe_b64decode(token.encode())
        except ValueError:
            raw = b""
        mac, body = raw[:_MAC_BYTES], raw[_MAC_BYTES:]
        if not hmac.compare_digest(mac, self._mac(body, query)):
            raise InvalidArgument(
                "page_token: it was not issued for this list and this caller; start without one",
                reason="PAGE_TOKEN_INVALID",
                metadata={"field": "page_token"},
            )
        return str(json.loads(body))

    def _mac(self, body: bytes, query: bytes) -> bytes:
        return hmac.digest(self._key, query + body, "sha256")[:_MAC_BYTES]


def _query(request: Message, caller_key: str) -> bytes:
    bare: Any = type(request)()
    bare.CopyFrom(request)
    bare.page_token = ""
    bare.page_size = 0
    named = f"{request.DESCRIPTOR.full_name}\0{caller_key}\0".encode()
    return hashlib.sha256(named + bare.SerializeToString(deterministic=True)).digest()
