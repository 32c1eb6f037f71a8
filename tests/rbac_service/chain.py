"""Verifies the log's chain of hashes from nothing but its rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rbac_service.log.rules import GENESIS_HASH, Author, chain_hash


def first_broken(entries: Sequence[Mapping[str, Any]]) -> int | None:
    """Return the first revision that is not what was written, or None when all are."""
    previous = GENESIS_HASH
    for expected, entry in enumerate(entries, start=1):
        author = Author(entry["actor"], entry["request_id"], entry["decision_id"])
        own = chain_hash(previous, entry["revision"], entry["time_us"], author, entry["changes"])
        if (entry["revision"], entry["previous_hash"], entry["hash"]) != (expected, previous, own):
            return expected
        previous = own
    return None
