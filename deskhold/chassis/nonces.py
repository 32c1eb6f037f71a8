"""Random bytes that are used once, many from one visit to the kernel (`ids` says why)."""

from __future__ import annotations

import os
from typing import Final

# As AES-GCM wants them: the same twice under one key would give away what is encrypted.
NONCE_BYTES: Final = 12
_AT_ONCE: Final = 256
_ready: list[bytes] = []


def new_nonce() -> bytes:
    """Return bytes that nobody can foresee and that were never returned before."""
    try:
        return _ready.pop()
    except IndexError:
        some = os.urandom(NONCE_BYTES * _AT_ONCE)
        own, *others = [
            some[start : start + NONCE_BYTES] for start in range(0, len(some), NONCE_BYTES)
        ]
        _ready.extend(others)
        return own


# A child of this process must not use what this one will.
os.register_at_fork(after_in_child=_ready.clear)
