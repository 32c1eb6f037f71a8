"""What is refused about hosts, and in which words."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from broker_service.hosts.rules import Host
from deskhold.errors import Aborted, DeskholdError, FailedPrecondition, InvalidArgument
from deskhold.names import fold_id


def refuse_twice(host_ids: Sequence[str], field: str) -> None:
    """Check that no host is named twice.

    Raises:
        InvalidArgument: Names the second place.
    """
    seen: set[str] = set()
    for number, host_id in enumerate(host_ids):
        key = fold_id(host_id)
        if key in seen:
            raise InvalidArgument.of_field(f"{field}[{number}]", f"{host_id!r} is named twice")
        seen.add(key)


def refuse_held(hosts: Sequence[Host], way_out: str) -> None:
    """Check that nobody holds any of the hosts.

    Args:
        hosts: The hosts.
        way_out: What to do instead.

    Raises:
        FailedPrecondition: Names the first one and counts the others.
    """
    held = [host for host in hosts if host.hold is not None]
    if not held:
        return
    first = held[0]
    user = first.hold.user if first.hold else ""
    more = f" and {len(held) - 1} more are held too" if len(held) > 1 else ""
    raise FailedPrecondition(
        f"host {first.host_id} is held by {user}{more}; {way_out}",
        reason="HOST_HELD",
        metadata={"host": first.host_id, "held_by": user, "held": str(len(held))},
    )


def refuse_stale(host: Host, etag: str) -> None:
    """Check that a host is still the version that was read.

    Raises:
        Aborted: It is another one.
    """
    if etag and etag != host.etag:
        raise Aborted(
            f"{host.name} is {host.etag} by now, not {etag}; read it again and decide anew",
            metadata={"name": host.name, "etag": host.etag},
        )


def refuse_kept(hosts: Sequence[Host], *, now_us: int) -> None:
    """Check that none of the hosts is held, reserved or in quarantine.

    Raises:
        FailedPrecondition: Names the first one and says that force ends it.
    """
    refuse_held(hosts, "remove the assignment first, or use force")
    for host in hosts:
        reason = _kept(host, now_us, " first, or use force")
        if reason is not None:
            raise reason


def stuck(host: Host, now_us: int) -> DeskholdError | None:
    """Return why a host that nobody holds cannot leave its collection; None: it can.

    Users who were sent to it and have not arrived count as sessions: they are on their way.
    """
    reason = _kept(host, now_us, " first")
    if reason is None and host.load.total:
        are = "is 1 session" if host.load.total == 1 else f"are {host.load.total} sessions"
        return FailedPrecondition(
            f"there {are} on host {host.host_id}; drain it and log them off first",
            reason="HOST_IN_USE",
            metadata={"host": host.host_id, "sessions": str(host.load.total)},
        )
    return reason


def _kept(host: Host, now_us: int, way_out: str) -> FailedPrecondition | None:
    kept = host.reservation_at(now_us)
    if kept is not None:
        until = datetime.fromtimestamp(kept.until_us // 1_000_000, UTC)
        return FailedPrecondition(
            f"host {host.host_id} is reserved for {kept.user} until {until:%Y-%m-%dT%H:%M:%SZ};"
            f" cancel the reservation{way_out}",
            reason="HOST_RESERVED",
            metadata={
                "host": host.host_id,
                "reserved_for": kept.user,
                "until": f"{until:%Y-%m-%dT%H:%M:%SZ}",
            },
        )
    if host.quarantined_us is not None:
        return FailedPrecondition(
            f"host {host.host_id} is in quarantine; confirm its release{way_out}",
            reason="HOST_QUARANTINED",
            metadata={"host": host.host_id},
        )
    return None
