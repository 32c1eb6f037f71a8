"""What an agent reports, what it is told, and what a report changes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from broker_service.collections.rules import SessionLimits
from broker_service.hosts.rules import HealthCheck, NewConnections, Status, status_by
from broker_service.sessions.reported import Command, SessionState, Sighting
from deskhold.errors import InvalidArgument
from deskhold.names import fold_id

# Three reports of an agent that reports every 30 seconds.
SILENT_US = 90 * 1_000_000
# Clocks that are kept by NTP differ by less; further ahead is a clock that is wrong.
AHEAD_US = 5 * 1_000_000


@dataclass(frozen=True, slots=True)
class CommandResult:
    """What became of a command.

    Attributes:
        command_id: Which command.
        is_done: Whether it was carried out.
        message: Why not, or a remark.
    """

    command_id: str
    is_done: bool
    message: str


@dataclass(frozen=True, slots=True)
class HostReport:
    """How a host is, as its agent says.

    Attributes:
        host_id: The host.
        boot_id: Changes with every start of the machine.
        agent_version: Version of the agent.
        checks: What it has checked.
        sessions: All sessions there are.
        administrators: The users whom it has made administrators.
        administrator_keys: The same as compared, in order.
        results: What became of commands.
    """

    host_id: str
    boot_id: str
    agent_version: str = ""
    checks: tuple[HealthCheck, ...] = ()
    sessions: tuple[Sighting, ...] = ()
    administrators: tuple[str, ...] = ()
    administrator_keys: tuple[str, ...] = ()
    results: tuple[CommandResult, ...] = ()

    @property
    def key(self) -> str:
        """The form in which the host's id is compared."""
        return fold_id(self.host_id)

    @property
    def status(self) -> Status:
        """How the host is."""
        return status_by(self.checks)

    def refusal(self, field: str) -> InvalidArgument | None:
        """Return why it is refused: something is said twice; None: it is not.

        Args:
            field: Where it lies in the request.
        """
        sessions = [one.session_id for one in self.sessions]
        checks = [one.name for one in self.checks]
        return _twice(sessions, f"{field}.sessions") or _twice(checks, f"{field}.health_checks")


@dataclass(frozen=True, slots=True)
class Desired:
    """What is wanted of a host.

    Attributes:
        administrator: The user who is to be administrator; empty: nobody.
        new_connections: Whether it takes new sessions.
        session_limits: When to end sessions.
    """

    administrator: str
    new_connections: NewConnections
    session_limits: SessionLimits


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer to a report that was taken.

    Attributes:
        host: Resource name of the host.
        desired: What is wanted of it.
        commands: What is to be done to its sessions, the oldest first.
        is_start: Whether it is the first report, or the first one since the machine was started.
        remarks: What was altered before the report was taken.
    """

    host: str
    desired: Desired
    commands: Sequence[Command] = ()
    is_start: bool = False
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Known:
    """A session as the store knows it.

    Attributes:
        seen: What was last said of it.
        disconnected_us: When it was first reported as disconnected; None while it is not.
    """

    seen: Sighting
    disconnected_us: int | None


@dataclass(frozen=True, slots=True)
class SessionChanges:
    """How the sessions of a host have changed.

    Attributes:
        new: Those that were not there.
        changed: Those that are different.
        idle: Those of which only the idle time is different, which nobody is told of.
        gone: The numbers of those that are no more.
        ended: The numbers of those that are no more, or are another by now.
    """

    new: tuple[Known, ...] = ()
    changed: tuple[Known, ...] = ()
    idle: tuple[Known, ...] = ()
    gone: tuple[int, ...] = ()
    ended: tuple[int, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.new or self.changed or self.gone)


def remarks(report: HostReport, now_us: int) -> tuple[str, ...]:
    """Return what is altered in a report before it is taken, for people."""
    begun_us = max((one.created_us or 0 for one in report.sessions), default=0)
    if begun_us <= now_us + AHEAD_US:
        return ()
    ahead_seconds = (begun_us - now_us) / 1_000_000
    return (
        f"a session begins {ahead_seconds:.0f} s in the future and counts as begun now;"
        " set the clock of the host",
    )


def compare(
    known: Mapping[int, Known], reported: Iterable[Sighting], now_us: int
) -> SessionChanges:
    """Return what a report changes in the sessions of a host.

    A session that begins in the future, further than clocks differ, begins when it is first
    reported.
    """
    new: list[Known] = []
    changed: list[Known] = []
    idle: list[Known] = []
    ended: list[int] = []
    gone = dict(known)
    for told in reported:
        before = gone.pop(told.session_id, None)
        seen = _begun(before, told, now_us)
        if before is None:
            new.append(Known(seen, _disconnected(None, seen, now_us)))
        elif before.seen != seen:
            is_another = _is_another(before.seen, seen)
            if is_another:
                ended.append(seen.session_id)
            if _but_idle(before.seen) == _but_idle(seen):
                idle.append(Known(seen, before.disconnected_us))
            else:
                kept = None if is_another else before
                changed.append(Known(seen, _disconnected(kept, seen, now_us)))
    return SessionChanges(tuple(new), tuple(changed), tuple(idle), tuple(gone), (*gone, *ended))


def new_connections_after(
    now: NewConnections, drained_boot_id: str, boot_id: str
) -> tuple[NewConnections, str]:
    """Return whether a host takes new sessions once it has reported, and its last start if not.

    A drain until the next start ends with another boot id. Who had never reported when it was
    drained says with the first report which start is meant.
    """
    if now is not NewConnections.NOT_UNTIL_REBOOT:
        return now, drained_boot_id
    if drained_boot_id in ("", boot_id):
        return now, boot_id
    return NewConnections.YES, ""


def _disconnected(before: Known | None, seen: Sighting, now_us: int) -> int | None:
    if seen.state is not SessionState.DISCONNECTED:
        return None
    if before is None or before.disconnected_us is None:
        return now_us
    return before.disconnected_us


def _begun(before: Known | None, told: Sighting, now_us: int) -> Sighting:
    """Return a session as it is taken: it has not begun in the future."""
    if told.created_us is None or told.created_us <= now_us + AHEAD_US:
        return told
    if before is not None and before.seen.user_key == told.user_key:
        return replace(told, created_us=before.seen.created_us)
    return replace(told, created_us=now_us)


def _is_another(before: Sighting, seen: Sighting) -> bool:
    # Numbers are used again. Not every agent knows when a session began.
    times = {before.created_us, seen.created_us} - {None}
    return before.user_key != seen.user_key or len(times) > 1


def _but_idle(seen: Sighting) -> tuple[object, ...]:
    return (
        seen.user,
        seen.user_key,
        seen.state,
        seen.created_us,
        seen.client_name,
        seen.client_address,
        seen.application_id,
    )


def _twice(values: Iterable[object], field: str) -> InvalidArgument | None:
    seen: set[object] = set()
    for number, value in enumerate(values):
        if value in seen:
            return InvalidArgument.of_field(f"{field}[{number}]", f"{value!r} is named twice")
        seen.add(value)
    return None
