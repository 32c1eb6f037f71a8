"""What administrators change of hosts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from broker_service.hosts.rules import Host, NewConnections

# Fields of the message Host that can be changed, and those that many hosts can share.
CHANGEABLE: Final = frozenset(
    {"address", "port", "friendly_name", "new_connections", "relative_weight", "session_limit"}
)
SHAREABLE: Final = frozenset({"new_connections", "relative_weight", "session_limit"})


@dataclass(frozen=True, slots=True)
class HostChanges:
    """New values of what administrators decide of a host; None: it stays.

    Attributes:
        address: See `NewHost`, as the others.
        port: See above.
        friendly_name: See above.
        new_connections: See above.
        weight: See above.
        session_limit: See above.
    """

    address: str | None = None
    port: int | None = None
    friendly_name: str | None = None
    new_connections: NewConnections | None = None
    weight: int | None = None
    session_limit: int | None = None

    def would_change(self, host: Host) -> bool:
        """Say whether a host would be another."""
        pairs = (
            (self.address, host.address),
            (self.port, host.port),
            (self.friendly_name, host.friendly_name),
            (self.new_connections, host.new_connections),
            (self.weight, host.load.weight),
            (self.session_limit, host.load.limit),
        )
        return any(new is not None and new != old for new, old in pairs)

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> HostChanges:
        """Return the changes of some fields, by their names in the message."""
        return cls(**{_ATTRIBUTES.get(name, name): value for name, value in values.items()})


_ATTRIBUTES = {"relative_weight": "weight"}
