"""Who wants to go where, what is known about it, and what stands in the way."""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple

from broker_service.assignments.rules import Person
from broker_service.collections.rules import Collection, CollectionType
from broker_service.history.rules import Author
from broker_service.hosts.rules import Host, NewConnections, Status
from deskhold.errors import FailedPrecondition

# A user who was sent to a host counts there for so long, until the session is reported.
SIGN_IN_US = 120 * 1_000_000


class AdministratorRights(Enum):
    """The state of the administrator rights that a collection grants on a host."""

    NOT_GRANTED = "NOT_GRANTED"
    PENDING = "PENDING"
    APPLIED = "APPLIED"
    UNMANAGED = "UNMANAGED"


class Ask(NamedTuple):
    """Who wants to go where.

    Attributes:
        collection: Name of the collection.
        app_group_id: Which of its app groups.
        user_key: The user as compared.
        now_us: When.
    """

    collection: str
    app_group_id: str
    user_key: str
    now_us: int = 0


class Arrival(NamedTuple):
    """A user who wants to go somewhere, and takes a host when there is none yet.

    Attributes:
        ask: Who and where.
        person: The user.
        author: Who acts, and by which right.
    """

    ask: Ask
    person: Person
    author: Author


class Way(NamedTuple):
    """What is known about an ask.

    Attributes:
        collection: The collection; None when there is none.
        app_group_type: Of which type the app group is; empty when there is none.
        host: The user's host: held, or in a pool the one of their session or sign-in; None when
            there is none.
        is_new: Whether it was assigned just now.
        session_id: The number of the session that the user has there; None: there is none.
        status: How the host is. Looked up only when new sessions cannot go there.
    """

    collection: Collection | None
    app_group_type: str
    host: Host | None
    is_new: bool = False
    session_id: int | None = None
    status: Status | None = None

    @property
    def is_pooled(self) -> bool:
        """Whether hosts of the collection are nobody's."""
        return self.collection is not None and self.collection.draft.type is CollectionType.POOLED

    @property
    def wants_host(self) -> bool:
        """Whether the target is there and the user has no host in it."""
        return self.collection is not None and bool(self.app_group_type) and self.host is None

    @property
    def may_claim(self) -> bool:
        """Whether the user takes any free host."""
        return (
            self.wants_host
            and self.collection is not None
            and self.collection.draft.auto_assign_user
        )

    @property
    def session(self) -> str:
        """Name of the session that is taken up again; empty: a new one."""
        if self.host is None or self.session_id is None:
            return ""
        return f"{self.host.name}/sessions/{self.session_id}"

    def require_open(self) -> None:
        """Check that the user can go to the host: there is a session, or it takes a new one.

        Raises:
            FailedPrecondition: It is draining, or out of order; no other host is handed out.
        """
        if self.host is None or self.session_id is not None:
            return
        obstacle = obstacle_of(self.host, self.status)
        if obstacle is not None:
            raise obstacle


def obstacle_of(host: Host, status: Status | None) -> FailedPrecondition | None:
    """Return why a host takes no new session, or None when it does."""
    if host.new_connections is not NewConnections.YES:
        until = " until it is started again"
        when = until if host.new_connections is NewConnections.NOT_UNTIL_REBOOT else ""
        return FailedPrecondition(
            f"host {host.host_id} takes no new sessions{when}; ask its administrator",
            reason="HOST_DRAINING",
            metadata={"host": host.host_id, "new_connections": host.new_connections.value},
        )
    if status is Status.UNAVAILABLE:
        return FailedPrecondition(
            f"host {host.host_id} is out of order, or its agent does not report;"
            " ask its administrator",
            reason="HOST_UNAVAILABLE",
            metadata={"host": host.host_id, "status": status.value},
        )
    return None


def host_full(host: Host, limit: int) -> FailedPrecondition:
    """Return the refusal to send one more user to a host."""
    return FailedPrecondition(
        f"host {host.host_id} has {host.load.total} sessions and takes {limit}; choose another",
        reason="HOST_FULL",
        metadata={
            "host": host.host_id,
            "sessions": str(host.load.total),
            "session_limit": str(limit),
        },
    )


def not_assigned(collection: Collection, user: str) -> FailedPrecondition:
    """Return the refusal to lead a user anywhere."""
    return FailedPrecondition(
        f"no host of {collection.name} is assigned to {user}, and the collection does not"
        " assign automatically; ask its administrator",
        reason="NOT_ASSIGNED",
        metadata={"collection": collection.name, "user": user},
    )
