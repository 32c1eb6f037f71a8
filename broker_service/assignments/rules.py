"""How users and hosts come together: the rules of one assignment."""

from __future__ import annotations

from collections.abc import Collection as Sized
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from broker_service.collections.rules import Collection
from broker_service.hosts.rules import Host
from deskhold.errors import FailedPrecondition, NotFound


@dataclass(frozen=True, slots=True)
class Person:
    """A user.

    Attributes:
        user: As given.
        key: As compared.
    """

    user: str
    key: str


def free_slot(taken: Sized[int]) -> int:
    """Return the lowest slot that is not taken."""
    return next(slot for slot in range(len(taken) + 1) if slot not in taken)


def to_displace(
    collection: Collection, host: Host, person: Person, held: Sequence[Host], *, force: bool
) -> list[Host]:
    """Return the holds that must end before a person can have a host.

    Args:
        collection: Where.
        host: The host wanted; not held by the person.
        person: Who wants it.
        held: What the person holds in the collection.
        force: End them; otherwise refuse when there are any.

    Raises:
        FailedPrecondition: Something stands in the way and force was not given.
    """
    displaced = []
    if host.hold is not None:
        if not force:
            raise host_held(host, person.user, way_out="use force")
        displaced.append(host)
    if len(held) >= collection.max_desktops_per_user:
        if not force:
            raise user_limit(collection, host.host_id, person.user, held, way_out="use force")
        displaced.append(min(held, key=lambda one: one.hold.assigned_us if one.hold else 0))
    return displaced


def host_held(host: Host, user: str, *, way_out: str) -> FailedPrecondition:
    """Return the refusal to give away a host that somebody else holds."""
    holder = host.hold.user if host.hold else ""
    return FailedPrecondition(
        f"host {host.host_id} is held by {holder}; {way_out} to move it to {user}",
        reason="HOST_HELD",
        metadata={"host": host.host_id, "user": user, "held_by": holder},
    )


def user_limit(
    collection: Collection, host_id: str, user: str, held: Iterable[Host], *, way_out: str
) -> FailedPrecondition:
    """Return the refusal to give a user more hosts than the collection allows."""
    holds = ", ".join(host.host_id for host in held)
    limit = collection.max_desktops_per_user
    return FailedPrecondition(
        f"{user} holds {holds}, and {collection.name} allows {limit} per user;"
        f" {way_out} to move to {host_id}",
        reason="USER_LIMIT_REACHED",
        metadata={
            "user": user,
            "host": host_id,
            "holds": holds,
            "max_desktops_per_user": str(limit),
            "collection": collection.name,
        },
    )


def user_not_assigned(collection: Collection, user: str) -> NotFound:
    """Return the error for a user who holds nothing."""
    return NotFound(
        f"there is no personal session desktop assigned to {user} in {collection.name}",
        reason="ASSIGNMENT_NOT_FOUND",
        metadata={"collection": collection.name, "user": user},
    )


def host_not_assigned(collection: Collection, host_id: str) -> NotFound:
    """Return the error for a host that nobody holds."""
    return NotFound(
        f"there is no user assigned to the personal session desktop {host_id} in {collection.name}",
        reason="ASSIGNMENT_NOT_FOUND",
        metadata={"collection": collection.name, "host": host_id},
    )
