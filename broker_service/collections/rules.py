"""What a collection is and which flags go together."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from deskhold.errors import FailedPrecondition, InvalidArgument


class CollectionType(Enum):
    """How users and hosts come together."""

    PERSONAL = "PERSONAL"
    POOLED = "POOLED"


@dataclass(frozen=True, slots=True)
class Draft:
    """A collection to be.

    Attributes:
        display_name: What people see.
        description: What it is for.
        type: How users and hosts come together.
        auto_assign_user: A user without a host takes a free one at the first sign-in.
        grant_administrative_privilege: The user is administrator on the host.
        max_desktops_per_user: How many hosts one user may hold; 0 means 1.
    """

    display_name: str
    description: str
    type: CollectionType
    auto_assign_user: bool
    grant_administrative_privilege: bool
    max_desktops_per_user: int

    def check(self) -> None:
        """Check that only personal collections have the flags of personal collections.

        Raises:
            InvalidArgument: Names the flag.
        """
        if self.type is CollectionType.PERSONAL:
            return
        for field, is_set in (
            ("auto_assign_user", self.auto_assign_user),
            ("grant_administrative_privilege", self.grant_administrative_privilege),
            ("max_desktops_per_user", self.max_desktops_per_user > 1),
        ):
            if is_set:
                raise InvalidArgument.of_field(
                    f"collection.{field}",
                    "is only for personal collections; leave it out for a pooled one",
                )


@dataclass(frozen=True, slots=True)
class Collection:
    """A collection as it is stored.

    Attributes:
        id: Its number in the store.
        name: Its resource name.
        uid: Tells it from a later one of the same name.
        draft: What it was created with.
        version: Grows with every change.
        created_us: When it was created.
        host_count: How many hosts it has.
        assigned_host_count: How many of them are assigned.
    """

    id: int
    name: str
    uid: str
    draft: Draft
    version: int
    created_us: int
    host_count: int = 0
    assigned_host_count: int = 0

    @property
    def etag(self) -> str:
        """Opaque version of the content, hosts aside."""
        return f"{self.uid[:8]}-{self.version}"

    @property
    def max_desktops_per_user(self) -> int:
        """How many hosts one user may hold."""
        return max(1, self.draft.max_desktops_per_user)

    def require_personal(self) -> None:
        """Check that hosts of the collection can be assigned.

        Raises:
            FailedPrecondition: It is pooled.
        """
        if self.draft.type is not CollectionType.PERSONAL:
            raise FailedPrecondition(
                f"{self.name} is a pooled collection;"
                " only hosts of personal collections are assigned",
                reason="COLLECTION_NOT_PERSONAL",
                metadata={"collection": self.name},
            )
