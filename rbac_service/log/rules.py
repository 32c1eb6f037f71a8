"""What an entry of the log is, and what its hash covers."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

GENESIS_HASH = bytes(32)
# What one revision may carry: everybody who follows the log gets it in one message.
MAX_CHARACTERS = 6_000_000


class ChangeKind(Enum):
    """What a change does."""

    ADD_SCOPE = "add_scope"
    REMOVE_SCOPE = "remove_scope"
    ADD_ROLE_ASSIGNMENT = "add_role_assignment"
    REMOVE_ROLE_ASSIGNMENT = "remove_role_assignment"
    ADD_ROLE_DEFINITION = "add_role_definition"
    REMOVE_ROLE_DEFINITION = "remove_role_definition"
    ADD_GROUP = "add_group"
    REMOVE_GROUP = "remove_group"
    ADD_GROUP_MEMBER = "add_group_member"
    REMOVE_GROUP_MEMBER = "remove_group_member"


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
        keys: The caller and the groups its token names, as keys; empty for local commands, which
            are bound by no role.
    """

    actor: str
    request_id: str
    decision_id: str = ""
    keys: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, weakref_slot=True)
class Entry:
    """One revision as it is stored.

    Attributes:
        revision: Its number.
        time_us: When it was committed.
        actor: Who made it, as a key.
        request_id: Names the call.
        decision_id: The decision that allowed it; empty for local commands.
        encoded: Its changes in canonical form.
        previous_hash: The hash of the entry before.
        hash: Its own.
    """

    revision: int
    time_us: int
    actor: str
    request_id: str
    decision_id: str
    encoded: str
    previous_hash: bytes
    hash: bytes

    @property
    def changes(self) -> tuple[Change, ...]:
        """What it changed."""
        return decode_changes(self.encoded)


@dataclass(frozen=True, slots=True)
class EntryFilter:
    """Which entries a list is to show; what is None does not matter.

    Attributes:
        after_revision: Those after it.
        actor: Those of this one, as a key.
        start_us: Those from this time on.
        end_us: Those before this time.
    """

    after_revision: int = 0
    actor: str | None = None
    start_us: int | None = None
    end_us: int | None = None


def encode_changes(changes: Sequence[Change]) -> str:
    """Return changes in the canonical form that is stored and hashed: sorted keys, no spaces."""
    return f"[{','.join(map(_encoded, changes))}]"


def encode_revisions(changes: Sequence[Change], most: int) -> list[str]:
    """Return changes in canonical form, as texts for one revision after the other.

    Args:
        changes: In an order in which any number of the first ones make sense without the rest.
        most: How many characters a revision may have; it has one change at least.
    """
    parts: list[list[str]] = [[]]
    size = 0
    for text in map(_encoded, changes):
        if size + len(text) > most and parts[-1]:
            parts.append([])
            size = 0
        parts[-1].append(text)
        size += len(text) + 1
    return [f"[{','.join(part)}]" for part in parts]


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


def find_fault(entry: Entry, after_revision: int, after_hash: bytes) -> str:
    """Return what is wrong with an entry, given the one before it; nothing when it fits."""
    expected = after_revision + 1
    if entry.revision != expected:
        return f"revision {expected} is missing; the next one is {entry.revision}"
    if entry.previous_hash != after_hash:
        return f"revision {expected} does not name the hash of the entry before it"
    author = Author(entry.actor, entry.request_id, entry.decision_id)
    if chain_hash(after_hash, expected, entry.time_us, author, entry.encoded) != entry.hash:
        return f"revision {expected} does not have the hash of its content"
    return ""


def find_head_fault(head_revision: int, last_revision: int) -> str:
    """Return what is wrong where the log ends, given its last entry; nothing when it fits."""
    if head_revision > last_revision:
        return f"revision {last_revision + 1} is missing; the head is at {head_revision}"
    if head_revision < last_revision:
        return f"revision {head_revision + 1} lies behind the head, which is at {head_revision}"
    return ""


def _encoded(change: Change) -> str:
    one = {"kind": change.kind.value, "row": dict(change.row)}
    return json.dumps(one, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
