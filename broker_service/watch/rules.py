"""What a watcher wants, and what is told of changes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from broker_service.changes.rules import Noted, Position, ResourceKind
from deskhold.errors import Aborted


@dataclass(frozen=True, slots=True)
class Interest:
    """What a watcher wants to hear of.

    Attributes:
        parent: Name of a tenant or a collection: of all in it.
        kinds: Of these kinds.
    """

    parent: str
    kinds: frozenset[ResourceKind]

    def covers(self, kind: ResourceKind | None, name: str) -> bool:
        """Say whether a resource is among what the watcher wants to hear of."""
        return kind in self.kinds and (name == self.parent or name.startswith(self.parent + "/"))


@dataclass(frozen=True, slots=True)
class Event:
    """A change of a resource.

    Attributes:
        position: Where it stands.
        kind: Of what.
        name: The resource's name.
        time_us: When it was made.
        resource: The resource as it is now. None: it is gone.
    """

    position: Position
    kind: ResourceKind
    name: str
    time_us: int
    resource: Any


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """Says that nothing that a watcher wants to hear of has changed up to a position.

    Attributes:
        position: Up to where.
        time_us: When that was read.
    """

    position: Position
    time_us: int


def latest(noted: Iterable[Noted]) -> list[Noted]:
    """Return the last change of each resource, in order.

    Each comes with the resource as it is, so that the changes before it have nothing to add; and
    who resumes after an earlier position hears of it all the same.
    """
    last: dict[tuple[ResourceKind | None, str], Noted] = {}
    for one in noted:
        last.pop((one.kind, one.name), None)
        last[one.kind, one.name] = one
    return list(last.values())


def position_gone(position: Position) -> Aborted:
    """Return the error for a position after which changes are missing."""
    return Aborted(
        f"the changes after position {position} are no longer kept, or it is of a store that was"
        " restored since; list everything and watch from now",
        reason="POSITION_GONE",
        metadata={"position": str(position)},
    )


def slow_reader(position: Position) -> Aborted:
    """Return the error for a reader for whom too much waits."""
    return Aborted(
        f"this reader is at position {position}, too far behind;"
        " take the watch up again after the last position received",
        reason="SLOW_READER",
        metadata={"position": str(position)},
    )
