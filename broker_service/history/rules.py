"""What is kept of an assignment's beginning and end."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple


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
    SWAP = "SWAP"
    MOVE = "MOVE"
    HOST_REMOVED = "HOST_REMOVED"
    COLLECTION_DELETED = "COLLECTION_DELETED"


class Author(NamedTuple):
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


class Event(NamedTuple):
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


@dataclass(frozen=True, slots=True)
class Turn:
    """A beginning or an end, as it is told.

    Attributes:
        time_us: When.
        cause: Through which verb, as in `Cause`.
        actor: By whose decision.
        decision_id: The decision that allowed it.
    """

    time_us: int
    cause: str
    actor: str
    decision_id: str


@dataclass(frozen=True, slots=True)
class Period:
    """One user's time with one host.

    Attributes:
        id: Number of the event that it began with; later periods have higher ones.
        collection_uid: Which of the collections that had the name.
        host_id: The host as given.
        user: The user as given when it began.
        start: Its beginning.
        end: Its end; None while it goes on.
    """

    id: int
    collection_uid: str
    host_id: str
    user: str
    start: Turn
    end: Turn | None


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which periods of a collection are wanted.

    Attributes:
        user_key: Of this user; empty: of all.
        host_key: Of this host; empty: of all.
        at_us: Those that this time lies in, their end not included; None: all.
    """

    user_key: str = ""
    host_key: str = ""
    at_us: int | None = None
