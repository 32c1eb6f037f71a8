"""What a host is and who holds it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple

from broker_service.collections.rules import RDP_PORT, Collection
from deskhold.errors import NotFound
from deskhold.names import fold_id

DEFAULT_WEIGHT = 100


class NewConnections(Enum):
    """Whether a host takes new sessions."""

    YES = "YES"
    NOT_UNTIL_REBOOT = "NOT_UNTIL_REBOOT"
    NO = "NO"


class Status(Enum):
    """How a host is."""

    UNMONITORED = "UNMONITORED"
    AVAILABLE = "AVAILABLE"
    NEEDS_ASSISTANCE = "NEEDS_ASSISTANCE"
    UNAVAILABLE = "UNAVAILABLE"


class CheckResult(Enum):
    """What came of a check."""

    SUCCEEDED = "SUCCEEDED"
    WARNING = "WARNING"
    FAILED = "FAILED"


@dataclass(frozen=True, slots=True)
class HealthCheck:
    """One thing that an agent has checked.

    Attributes:
        name: What was checked.
        result: What came of it.
        message: What to say of it to people.
    """

    name: str
    result: CheckResult
    message: str = ""


@dataclass(frozen=True, slots=True)
class Report:
    """What a host's agent last said.

    Attributes:
        heartbeat_us: When.
        status: How the host is; UNAVAILABLE too when no report has come for long.
        boot_id: Changes with every start of the machine.
        agent_version: Version of the agent.
        checks: What it has checked.
        administrators: The users whom it has made administrators.
    """

    heartbeat_us: int
    status: Status
    boot_id: str
    agent_version: str = ""
    checks: tuple[HealthCheck, ...] = ()
    administrators: tuple[str, ...] = ()


def status_by(checks: Iterable[HealthCheck]) -> Status:
    """Return how a host is by its checks: the worst of them decides."""
    results = {check.result for check in checks}
    if CheckResult.FAILED in results:
        return Status.UNAVAILABLE
    if CheckResult.WARNING in results:
        return Status.NEEDS_ASSISTANCE
    return Status.AVAILABLE


@dataclass(frozen=True, slots=True)
class NewHost:
    """A host to be.

    Attributes:
        host_id: Its name on the network.
        address: Where clients reach it; empty means its id.
        port: The port of its RDP listener; 0 means 3389.
        friendly_name: What users see instead of its id.
        new_connections: Whether it takes new sessions.
        weight: Its share beside other hosts; 0 means 100.
        session_limit: How many sessions it takes at the most; 0: what its collection says.
    """

    host_id: str
    address: str = ""
    port: int = 0
    friendly_name: str = ""
    new_connections: NewConnections = NewConnections.YES
    weight: int = 0
    session_limit: int = 0

    @property
    def key(self) -> str:
        """The form in which its id is compared."""
        return fold_id(self.host_id)


class Hold(NamedTuple):
    """One user's hold on a host.

    Attributes:
        user: The user as given.
        user_key: The user as compared.
        slot: Which of the user's places in the collection the host takes, from 0.
        assigned_us: Since when.
        assigned_by: By whose decision.
    """

    user: str
    user_key: str
    slot: int
    assigned_us: int
    assigned_by: str


class Reservation(NamedTuple):
    """A free host kept for a user.

    Attributes:
        user: The user as given.
        user_key: The user as compared.
        until_us: Until when.
        reserved_by: By whose decision.
    """

    user: str
    user_key: str
    until_us: int
    reserved_by: str


class Load(NamedTuple):
    """What a host of a pooled collection carries.

    Attributes:
        sessions: How many sessions there are on it.
        sign_ins: How many users were sent to it whose sessions have not been reported yet.
        weight: Its share beside other hosts.
        limit: How many it takes at the most; 0: what its collection says.
    """

    sessions: int = 0
    sign_ins: int = 0
    weight: int = DEFAULT_WEIGHT
    limit: int = 0

    @property
    def total(self) -> int:
        """How many users it counts as carrying."""
        return self.sessions + self.sign_ins

    @property
    def relative(self) -> int:
        """How much that is for its weight, as the store reckons it."""
        return self.total * 10_000 // self.weight

    def has_room(self, collection_limit: int) -> bool:
        """Say whether one more user may come; a limit of 0 is none."""
        limit = self.limit or collection_limit
        return limit == 0 or self.total < limit


class Host(NamedTuple):
    """A host as it is stored.

    Attributes:
        id: Its number in the store.
        collection: Name of its collection.
        host_id: Its name on the network, as given.
        key: The form in which that is compared.
        uid: Tells it from a later one of the same name.
        address: Where clients reach it, as given; may be empty.
        port: The port of its RDP listener.
        hold: Who holds it; None when it is free.
        version: Grows with every change.
        created_us: When it was added.
        updated_us: When an administrator last changed it, or its assignment; never goes back.
        friendly_name: What users see instead of its id.
        new_connections: Whether it takes new sessions.
        drained_boot_id: With NOT_UNTIL_REBOOT, the start of the machine that is to be its last.
        load: What it carries.
        reservation: For whom it is kept; None: nobody. It may have run out.
        quarantined_us: Since when it waits to be confirmed as clean; None: it does not.
        claim_rank: Who is taken first: 0 known to be well, 1 not known; None: nobody takes it.
        report: What its agent last said; None: nothing yet, or it was not asked for.
        administrator: The user who is to be administrator on it, where that was asked for; empty:
            nobody.
    """

    id: int
    collection: str
    host_id: str
    key: str
    uid: str
    address: str
    port: int
    hold: Hold | None
    version: int
    created_us: int
    updated_us: int = 0
    friendly_name: str = ""
    new_connections: NewConnections = NewConnections.YES
    drained_boot_id: str = ""
    load: Load = Load()
    reservation: Reservation | None = None
    quarantined_us: int | None = None
    claim_rank: int | None = 1
    report: Report | None = None
    administrator: str = ""

    @property
    def status(self) -> Status:
        """How it is."""
        return Status.UNMONITORED if self.report is None else self.report.status

    @property
    def name(self) -> str:
        """Its resource name."""
        return f"{self.collection}/hosts/{self.host_id}"

    @property
    def etag(self) -> str:
        """Opaque version of the content."""
        return f"{self.uid[:8]}-{self.version}"

    @property
    def reachable_at(self) -> str:
        """The name or address that clients are given."""
        return self.address or self.host_id

    def reservation_at(self, now_us: int) -> Reservation | None:
        """Return for whom the host is kept at a time, None when it is not or no longer."""
        if self.reservation is None or self.reservation.until_us <= now_us:
            return None
        return self.reservation

    def next_us(self, now_us: int) -> int:
        """Return the time at which a change of now is dated: no earlier than the last one.

        Clocks of brokers differ, they are set back, and requests commit in another order than they
        arrived in. Without this, history would name two holders of a host at one time.
        """
        return max(now_us, self.updated_us)

    def is_as_wanted(self, wanted: NewHost) -> bool:
        """Say whether a host that is there is the one to be added: in the same place.

        The rest is left as it is: who adds a host again does not undo what others changed since.
        """
        place = (wanted.address or self.host_id, wanted.port or RDP_PORT)
        return (self.reachable_at, self.port) == place


class Condition(Enum):
    """What can be true of a host."""

    ASSIGNED = "ASSIGNED"
    FREE = "FREE"
    DRAINING = "DRAINING"
    UNHEALTHY = "UNHEALTHY"
    RESERVED = "RESERVED"
    QUARANTINED = "QUARANTINED"
    UNMONITORED = "UNMONITORED"
    RIGHTS_PENDING = "RIGHTS_PENDING"


def host_not_found(collection: Collection, host_id: str) -> NotFound:
    """Return the error for a host that is not in a collection."""
    return NotFound(
        f"host {host_id} is not in {collection.name}; add it with: deskhold host add",
        reason="HOST_NOT_FOUND",
        metadata={"collection": collection.name, "host": host_id},
    )
