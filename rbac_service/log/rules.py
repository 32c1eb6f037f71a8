"""What an entry of the log is, and what its hash covers."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

GENESIS_HASH = bytes(32)


class ChangeKind(Enum):
    """What a change does."""

    ADD_SCOPE = "add_scope"
    REMOVE_SCOPE = "remove_scope"
    ADD_ROLE_ASSIGNMENT = "add_role_assignment"
    REMOVE_ROLE_ASSIGNMENT = "remove_role_assignment"


@dataclass(frozen=True, slots=True)
class Change:
    """One row added or removed.

    Attributes:
        kind: What happened.
        row: The row: after an addition, before a removal.
    """

    kind: ChangeKind
    row: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Author:
    """Who makes a change, and by which right.

    Attributes:
        actor: The caller's key.
        request_id: Names the call.
        decision_id: The decision that allowed it; empty for local commands.
    """

    actor: str
    request_id: str
    decision_id: str = ""


def encode_changes(changes: Sequence[Change]) -> str:
    """Return changes in the canonical form that is stored and hashed: sorted keys, no spaces."""
    rows = [{"kind": change.kind.value, "row": dict(change.row)} for change in changes]
    return json.dumps(rows, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def decode_changes(text: str) -> tuple[Change, ...]:
    """Return the changes of a stored entry."""
    return tuple(Change(ChangeKind(item["kind"]), item["row"]) for item in json.loads(text))


def chain_hash(
    previous_hash: bytes, revision: int, time_us: int, author: Author, changes: str
) -> bytes:
    """Return the hash of an entry (SHA-256), which covers the entry and the hash before it."""
    content = json.dumps(
        [revision, time_us, author.actor, author.request_id, author.decision_id, changes],
        separators=(",", ":"),
        ensure_ascii=False,
    )
    return hashlib.sha256(previous_hash + content.encode()).digest()
