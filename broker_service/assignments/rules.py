"""How users and hosts come together: the rules of one assignment."""

from __future__ import annotations

from collections.abc import Collection as Sized
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import NamedTuple

from broker_service.collections.rules import Collection
from broker_service.hosts.rules import Host
from deskhold.errors import Aborted, FailedPrecondition, InvalidArgument, NotFound

LONGEST_RESERVATION_DAYS = 365
_DAY_US = 24 * 3600 * 1_000_000


class Person(NamedTuple):
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


def holder_of(host: Host) -> Person | None:
    """Return who holds a host."""
    return Person(host.hold.user, host.hold.user_key) if host.hold else None


def require_etag(host: Host, etag: str) -> None:
    """Check that a host is still as it was when an etag was read; an empty one asks for nothing.

    Raises:
        Aborted: It has changed.
    """
    if etag and etag != host.etag:
        raise Aborted(
            f"{host.name} is at etag {host.etag}, not {etag}; read it again",
            metadata={"name": host.name, "etag": host.etag},
        )


def require_available(
    host: Host, person: Person, *, now_us: int, over_reservation: str, over_quarantine: str
) -> None:
    """Check that a host that nobody holds can be given to a person.

    Args:
        host: The host.
        person: Who is to have it.
        now_us: When.
        over_reservation: What to do about a reservation, as the end of a sentence.
        over_quarantine: The same of a quarantine.

    Raises:
        FailedPrecondition: It is kept for another user, or waits to be confirmed as clean.
    """
    kept = host.reservation_at(now_us)
    if kept is not None and kept.user_key != person.key:
        until = datetime.fromtimestamp(kept.until_us // 1_000_000, UTC).strftime("%Y-%m-%dT%XZ")
        raise FailedPrecondition(
            f"host {host.host_id} is reserved for {kept.user} until {until}; {over_reservation}",
            reason="HOST_RESERVED",
            metadata={"host": host.host_id, "reserved_for": kept.user, "until": until},
        )
    if host.quarantined_us is not None:
        raise FailedPrecondition(
            f"host {host.host_id} is in quarantine since its last assignment ended;"
            f" {over_quarantine}",
            reason="HOST_QUARANTINED",
            metadata={"host": host.host_id},
        )


def check_expiry(until_us: int, now_us: int) -> None:
    """Check until when a host is to be reserved.

    Raises:
        InvalidArgument: That is over already, or further away than reservations reach.
    """
    if until_us <= now_us:
        raise InvalidArgument.of_field("expire_time", "has passed; give a time to come")
    if until_us > now_us + LONGEST_RESERVATION_DAYS * _DAY_US:
        raise InvalidArgument.of_field(
            "expire_time", f"is more than {LONGEST_RESERVATION_DAYS} days away; give an earlier one"
        )


def to_displace(
    collection: Collection,
    host: Host,
    person: Person,
    held: Sequence[Host],
    *,
    now_us: int,
    force: bool,
) -> list[Host]:
    """Return the holds that must end before a person can have a host.

    Force ends a reservation for somebody else and a quarantine, too; they are no holds.

    Args:
        collection: Where.
        host: The host wanted; not held by the person.
        person: Who wants it.
        held: What the person holds in the collection.
        now_us: When.
        force: End them; otherwise refuse when there are any.

    Raises:
        FailedPrecondition: Something stands in the way and force was not given.
    """
    displaced = []
    if host.hold is not None:
        if not force:
            raise host_held(host, person.user, way_out="use force")
        displaced.append(host)
    elif not force:
        require_available(
            host,
            person,
            now_us=now_us,
            over_reservation="use force to give it away all the same",
            over_quarantine="confirm its release first, or use force",
        )
    # More than one, when the limit was lowered since.
    surplus = len(held) + 1 - collection.max_desktops_per_user
    if surplus > 0:
        if not force:
            raise user_limit(collection, host.host_id, person.user, held, way_out="use force")
        displaced += sorted(held, key=lambda one: one.hold.assigned_us if one.hold else 0)[:surplus]
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


def not_held_by(collection: Collection, host_id: str, user: str) -> NotFound:
    """Return the error for a host that a user is to be moved from and does not hold."""
    return NotFound(
        f"{user} does not hold {host_id} in {collection.name};"
        " see who does with: deskhold assignment list",
        reason="ASSIGNMENT_NOT_FOUND",
        metadata={"collection": collection.name, "host": host_id, "user": user},
    )


def not_reserved(collection: Collection, host_id: str) -> NotFound:
    """Return the error for a host that is kept for nobody."""
    return NotFound(
        f"host {host_id} in {collection.name} is reserved for nobody; nothing is left to cancel",
        reason="RESERVATION_NOT_FOUND",
        metadata={"host": host_id, "collection": collection.name},
    )


def rights_not_removed(
    host_id: str, administrators: Sequence[str], more: int
) -> FailedPrecondition:
    """Return the refusal to release a host on which somebody is still administrator."""
    named = ", ".join(administrators)
    others = f", and {more} more {'is' if more == 1 else 'are'} not clean either" if more else ""
    return FailedPrecondition(
        f"on host {host_id} {named} is still administrator as its agent reports{others};"
        " wait for its next report, or use force",
        reason="RIGHTS_NOT_REMOVED",
        metadata={"host": host_id, "administrators": named},
    )
