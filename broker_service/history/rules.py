"""What is kept of an assignment's beginning and end."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class EventKind(Enum):
    """What happened."""

    ASSIGNED = "ASSIGNED"
    REMOVED = "REMOVED"


class Cause(Enum):
    """Through which verb it happened."""

    SET = "SET"
    REMOVE = "REMOVE"
    DISPLACED = "DISPLACED"
    IMPORT = "IMPORT"
    CLAIM = "CLAIM"
    HOST_REMOVED = "HOST_REMOVED"
    COLLECTION_DELETED = "COLLECTION_DELETED"


@dataclass(frozen=True, slots=True)
class Author:
    """Who acts, and by which right.

    Attributes:
        actor: The caller's key.
        request_id: Names the call.
        decision_id: The decision that allowed it.
        now_us: When.
    """

    actor: str
    request_id: str
    decision_id: str
    now_us: int


@dataclass(frozen=True, slots=True)
class Event:
    """One beginning or end of an assignment.

    Attributes:
        collection: Name of the collection.
        collection_uid: Which of the collections that had this name.
        host_id: The host as given.
        user: The user as given.
        user_key: The user as compared.
        kind: What happened.
        cause: Through which verb.
    """

    collection: str
    collection_uid: str
    host_id: str
    user: str
    user_key: str
    kind: EventKind
    cause: Cause
