"""What is noted of a change."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple

from deskhold.errors import InvalidArgument

_POSITION = re.compile(r"(\d{1,19})\.(\d{1,19})")
_LARGEST = 2**63 - 1


class ResourceKind(Enum):
    """Of what kind a resource is."""

    COLLECTION = "COLLECTION"
    APP_GROUP = "APP_GROUP"
    HOST = "HOST"
    ASSIGNMENT = "ASSIGNMENT"
    SESSION = "SESSION"


@dataclass(frozen=True, slots=True, order=True)
class Position:
    """A place in the order of changes, which no later commit disturbs.

    Attributes:
        tx: The transaction, where that orders changes.
        id: The change within it.
    """

    tx: int
    id: int

    def __str__(self) -> str:
        return f"{self.tx}.{self.id}"

    @classmethod
    def parse(cls, text: str, *, field: str = "position") -> Position:
        """Return the position that a text stands for.

        Raises:
            InvalidArgument: It is none that was ever sent.
        """
        match = _POSITION.fullmatch(text)
        tx, number = (int(part) for part in match.groups()) if match else (-1, -1)
        if match is None or max(tx, number) > _LARGEST:
            raise InvalidArgument.of_field(
                field, f"{text!r} was not sent by a watch; give one that was, or none to begin now"
            )
        return cls(tx, number)


@dataclass(frozen=True, slots=True)
class Noted:
    """A change as it is read.

    Attributes:
        position: Where it stands.
        kind: Of what. None: here ends what is no longer kept.
        name: The resource's name.
        time_us: When it was made.
    """

    position: Position
    kind: ResourceKind | None
    name: str
    time_us: int


class Changed(NamedTuple):
    """A resource that was made, changed or removed.

    Attributes:
        kind: What it is.
        name: Its resource name.
        time_us: When.
    """

    kind: ResourceKind
    name: str
    time_us: int

    @property
    def tenant(self) -> str:
        """Name of the tenant it lies in."""
        return "/".join(self.name.split("/", 4)[:4])
