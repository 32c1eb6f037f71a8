"""What hosts report of sessions, and what can be done to them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from broker_service.collections.rules import CollectionType
from broker_service.hosts.rules import Host, Status
from deskhold.errors import FailedPrecondition, NotFound, ResourceExhausted

# An agent that has not said by then what became of a command will not.
COMMAND_US = 600 * 1_000_000
# As many as a host hears of in one report; an agent that is there carries them out within seconds.
MAX_PENDING = 100
# How often agents report.
_REPORTS_SECONDS = 30.0


class SessionState(Enum):
    """The states of a session (RDS: SESSION_STATE)."""

    ACTIVE = "ACTIVE"
    CONNECTED = "CONNECTED"
    CONNECTING = "CONNECTING"
    SHADOW = "SHADOW"
    DISCONNECTED = "DISCONNECTED"
    IDLE = "IDLE"
    LISTENING = "LISTENING"
    RESET = "RESET"
    DOWN = "DOWN"
    INITIALIZING = "INITIALIZING"


class SessionClaim(Enum):
    """How the user of a session stands to the assignment of its host."""

    POOLED = "POOLED"
    ASSIGNED_USER = "ASSIGNED_USER"
    OTHER_USER = "OTHER_USER"
    UNASSIGNED_HOST = "UNASSIGNED_HOST"


def claim_of(kind: CollectionType, session_user: str, host_user: str | None) -> SessionClaim:
    """Return how a user stands to a host; users by their keys, None: nobody holds the host."""
    if kind is CollectionType.POOLED:
        return SessionClaim.POOLED
    if host_user is None:
        return SessionClaim.UNASSIGNED_HOST
    return SessionClaim.ASSIGNED_USER if session_user == host_user else SessionClaim.OTHER_USER


@dataclass(frozen=True, slots=True)
class Sighting:
    """A session as its host sees it.

    Attributes:
        session_id: Its number on the host.
        user: Whose it is, as the host says it.
        user_key: The user as compared.
        state: Its state.
        created_us: When it began; None: not known.
        idle_us: How long nobody has typed.
        client_name: Name of the client's machine.
        client_address: Address of the client's machine.
        application_id: The application it was opened for; empty for a desktop.
    """

    session_id: int
    user: str
    user_key: str
    state: SessionState
    created_us: int | None = None
    idle_us: int = 0
    client_name: str = ""
    client_address: str = ""
    application_id: str = ""


@dataclass(frozen=True, slots=True)
class Session:
    """A session as it is stored.

    Attributes:
        host: Resource name of its host.
        host_key: The host's id as compared.
        seen: What its host says of it.
        disconnected_us: When it was first reported as disconnected; None while it is not.
        claim: How its user stands to the host's assignment.
        reported_us: When its host last reported it.
    """

    host: str
    host_key: str
    seen: Sighting
    disconnected_us: int | None
    claim: SessionClaim
    reported_us: int

    @property
    def name(self) -> str:
        """Its resource name."""
        return f"{self.host}/sessions/{self.seen.session_id}"

    @property
    def page_key(self) -> str:
        """Its key in lists: hosts are unique in their tenant."""
        return f"{self.host_key}/{self.seen.session_id}"


class CommandKind(Enum):
    """What can be done to a session."""

    DISCONNECT = "DISCONNECT"
    LOG_OFF = "LOG_OFF"
    MESSAGE = "MESSAGE"


class CommandState(Enum):
    """How far a command is."""

    PENDING = "PENDING"
    DONE = "DONE"
    FAILED = "FAILED"
    EXPIRED = "EXPIRED"


@dataclass(frozen=True, slots=True)
class Command:
    """Something to be done to a session by the host's agent.

    Attributes:
        host: Resource name of the host.
        command_id: Names it there.
        session_id: The session's number on the host.
        kind: What is to be done.
        author: Who wants it.
        created_us: When it was wanted.
        title: Title of a message.
        body: Text of a message.
        state: How far it is.
        result: What the agent said of it.
        ended_us: When that was; None: not yet.
    """

    host: str
    command_id: str
    session_id: int
    kind: CommandKind
    author: str
    created_us: int
    title: str = ""
    body: str = ""
    state: CommandState = CommandState.PENDING
    result: str = ""
    ended_us: int | None = None

    @property
    def name(self) -> str:
        """Its resource name."""
        return f"{self.host}/commands/{self.command_id}"

    @property
    def session(self) -> str:
        """Resource name of the session."""
        return f"{self.host}/sessions/{self.session_id}"


def refuse_unreachable(host: Host) -> None:
    """Check that an agent is there to carry something out.

    Raises:
        FailedPrecondition: None has ever reported, or the host is unavailable.
    """
    if host.status in (Status.UNMONITORED, Status.UNAVAILABLE):
        why = "has no agent" if host.status is Status.UNMONITORED else "is unavailable"
        raise FailedPrecondition(
            f"host {host.host_id} {why}, so nobody can carry it out; see: deskhold host show",
            reason="HOST_UNAVAILABLE",
            metadata={"host": host.host_id, "status": host.status.value},
        )


def refuse_many(host: Host, pending: int) -> None:
    """Check that a host's agent has not too much to carry out already.

    Args:
        host: The host.
        pending: How many commands wait for its agent.

    Raises:
        ResourceExhausted: As many as may.
    """
    if pending >= MAX_PENDING:
        raise ResourceExhausted(
            f"{MAX_PENDING} commands wait for the agent of host {host.host_id} already;"
            " retry when it has reported",
            metadata={"host": host.host_id, "limit": str(MAX_PENDING)},
            retry_after_seconds=_REPORTS_SECONDS,
        )


def session_not_found(name: str) -> NotFound:
    """Return the error for a session that its host does not report."""
    return NotFound(
        f"there is no session {name}; see them with: deskhold session list",
        reason="SESSION_NOT_FOUND",
        metadata={"session": name},
    )


def command_not_found(name: str) -> NotFound:
    """Return the error for a command that the host was never given, or long ago."""
    return NotFound(
        f"there is no command {name}; commands are kept for a day",
        reason="COMMAND_NOT_FOUND",
        metadata={"command": name},
    )
