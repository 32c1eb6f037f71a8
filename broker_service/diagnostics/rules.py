"""What is kept of a call, and what is made of it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from typing import NamedTuple

from deskhold.errors import InvalidArgument
from deskhold.names import Kind, fold_id, parse

_TENANT_SEGMENTS = 4
_COLLECTION_SEGMENTS = 6
_HOST_SEGMENT = 7
_IN_A_HOST = frozenset({Kind.HOST, Kind.ASSIGNMENT, Kind.SESSION, Kind.COMMAND})
_DENIED = frozenset({"PERMISSION_DENIED", "UNAUTHENTICATED"})
# A caller who has left was not answered either.
_FAILED = frozenset(
    {"UNAVAILABLE", "INTERNAL", "DEADLINE_EXCEEDED", "CANCELLED", "UNKNOWN", "UNIMPLEMENTED"}
)


class ActivityKind(Enum):
    """What an activity was."""

    MANAGEMENT = "MANAGEMENT"
    CONNECTION = "CONNECTION"
    REGISTRATION = "REGISTRATION"


class Outcome(Enum):
    """How an activity ended."""

    SUCCEEDED = "SUCCEEDED"
    DENIED = "DENIED"
    REFUSED = "REFUSED"
    FAILED = "FAILED"


class Seen(NamedTuple):
    """A call that has ended, as it waits to be written.

    A tuple, because one is made in every call: a frozen dataclass costs nine times as much
    (measured).

    Attributes:
        kind: What it was.
        method: `Service/Method`.
        name: The resource that its request names, as given; it may be none.
        user: The user that its request names, as given; it may be none.
        host_id: The host that its request names beside `name`.
        actor: The caller's key; empty when nobody was recognised.
        code: The canonical code.
        reason: Why it failed.
        action: The first action that it needed.
        scope: Where.
        decision_id: The decision that allowed or refused it.
        revision: The policy revision of a decision that allowed it.
        role_assignment: The role assignment that allowed it.
        request_id: Names the call.
        started_us: When it began.
        duration_us: How long it took.
    """

    kind: ActivityKind
    method: str
    name: str
    user: str
    host_id: str
    actor: str
    code: str
    reason: str
    action: str
    scope: str
    decision_id: str
    revision: int
    role_assignment: str
    request_id: str
    started_us: int
    duration_us: int


@dataclass(frozen=True, slots=True)
class Place:
    """Where something happened; what is not known is empty.

    Attributes:
        tenant: Name of the tenant. Empty: the deployment itself.
        collection: Name of the collection.
        host_key: The host, as ids are compared.
    """

    tenant: str = ""
    collection: str = ""
    host_key: str = ""


@dataclass(frozen=True, slots=True)
class Activity:
    """An activity as it is stored.

    Attributes:
        id: Its place in the order of writing.
        kind: What it was.
        method: `Service/Method`.
        actor: The caller's key.
        user: For which user, as given.
        place: Where.
        outcome: How it ended.
        code: The canonical code.
        reason: Why it failed.
        action: The action that was asked for.
        scope: Where it was asked for.
        decision_id: The decision.
        revision: The policy revision that it was taken on.
        role_assignment: The role assignment that allowed it.
        request_id: Names the call.
        started_us: When it began.
        duration_us: How long it took.
    """

    id: int
    kind: ActivityKind
    method: str
    actor: str
    user: str
    place: Place
    outcome: Outcome
    code: str
    reason: str
    action: str
    scope: str
    decision_id: str
    revision: int
    role_assignment: str
    request_id: str
    started_us: int
    duration_us: int


@dataclass(frozen=True, slots=True)
class ActivityFilter:
    """Which activities a list is to show; what is None does not matter.

    Attributes:
        tenant: Only of this tenant. None: the deployment's and every tenant's.
        user_key: Only by or for this user.
        collection: Only in this collection.
        host_key: Only on this host.
        kind: Only of this kind.
        outcome: Only with this outcome.
        start_us: Only those that began then or later.
        end_us: Only those that began before.
        request_id: Only that of this request id.
    """

    tenant: str | None = None
    user_key: str | None = None
    collection: str | None = None
    host_key: str | None = None
    kind: ActivityKind | None = None
    outcome: Outcome | None = None
    start_us: int | None = None
    end_us: int | None = None
    request_id: str | None = None

    def check(self) -> None:
        """Check that the time range does not end before it begins.

        Raises:
            InvalidArgument: It does.
        """
        if self.start_us is not None and self.end_us is not None and self.end_us < self.start_us:
            raise InvalidArgument.of_field(
                "end_time", "is before start_time; give the later of the two as end_time"
            )


def outcome_of(code: str) -> Outcome:
    """Return how a call ended that ended with a code."""
    if code == "OK":
        return Outcome.SUCCEEDED
    if code in _DENIED:
        return Outcome.DENIED
    return Outcome.FAILED if code in _FAILED else Outcome.REFUSED


def place_of(name: str, host_id: str) -> Place:
    """Return where a call happened that named a resource and perhaps a host.

    What callers send may be no name at all; only a tenant that is spelled in full gets to see it.
    """
    place = _place_of(name)
    if place.host_key or not host_id:
        return place
    return Place(place.tenant, place.collection, fold_id(host_id))


@lru_cache(maxsize=4096)
def _place_of(name: str) -> Place:
    try:
        found = parse(name)
    except InvalidArgument:
        return Place()
    segments = found.text.split("/")
    tenant = "/".join(segments[:_TENANT_SEGMENTS]) if len(found.ids) > 1 else ""
    collection = "/".join(segments[:_COLLECTION_SEGMENTS]) if len(found.ids) > 2 else ""
    host_id = segments[_HOST_SEGMENT] if found.kind in _IN_A_HOST else ""
    return Place(tenant, collection, fold_id(host_id))


def printable(text: str) -> str:
    """Return a text that every database takes: what callers send has not been checked yet."""
    if text.isprintable():
        return text
    return "".join(one if one.isprintable() else "\N{REPLACEMENT CHARACTER}" for one in text)
