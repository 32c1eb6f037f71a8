"""Random bytes that are used once."""

from __future__ import annotations

import os
from typing import Final

from deskhold.chassis.pools import Pool

# As AES-GCM wants them: the same twice under one key would give away what is encrypted.
NONCE_BYTES: Final = 12
_AT_ONCE: Final = 256


def _some() -> list[bytes]:
    some = os.urandom(NONCE_BYTES * _AT_ONCE)
    return [some[start : start + NONCE_BYTES] for start in range(0, len(some), NONCE_BYTES)]


_POOL: Final = Pool(_some)


def new_nonce() -> bytes:
    """Return bytes that nobody can foresee and that were never returned before."""
    return _POOL.take()
