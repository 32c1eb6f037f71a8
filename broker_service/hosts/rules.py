"""What a host is and who holds it."""

from __future__ import annotations

from dataclasses import dataclass

from broker_service.collections.rules import Collection
from deskhold.errors import NotFound
from deskhold.names import fold_id

DEFAULT_PORT = 3389


@dataclass(frozen=True, slots=True)
class NewHost:
    """A host to be.

    Attributes:
        host_id: Its name on the network.
        address: Where clients reach it; empty means its id.
        port: The port of its RDP listener; 0 means 3389.
    """

    host_id: str
    address: str = ""
    port: int = 0

    @property
    def key(self) -> str:
        """The form in which its id is compared."""
        return fold_id(self.host_id)


@dataclass(frozen=True, slots=True)
class Hold:
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


@dataclass(frozen=True, slots=True)
class Host:
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

    def is_as_wanted(self, wanted: NewHost) -> bool:
        """Say whether adding the host again would change nothing."""
        port = wanted.port or DEFAULT_PORT
        return self.address == wanted.address and self.port == port


def host_not_found(collection: Collection, host_id: str) -> NotFound:
    """Return the error for a host that is not in a collection."""
    return NotFound(
        f"host {host_id} is not in {collection.name}; add it with: deskhold host add",
        reason="HOST_NOT_FOUND",
        metadata={"collection": collection.name, "host": host_id},
    )
