"""What a collection is and which flags go together."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import Enum
from typing import Final

from broker_service.collections import rdp_properties
from deskhold.errors import Aborted, FailedPrecondition, InvalidArgument
from deskhold.identities import UserNameFormat

RDP_PORT: Final = 3389
_LABEL: Final = r"[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?"
_HOST_NAME: Final = re.compile(rf"{_LABEL}(?:\.{_LABEL})*\.?")


class CollectionType(Enum):
    """How users and hosts come together."""

    PERSONAL = "PERSONAL"
    POOLED = "POOLED"


class LoadBalancing(Enum):
    """How new sessions spread over the hosts of a pooled collection."""

    BREADTH_FIRST = "BREADTH_FIRST"
    DEPTH_FIRST = "DEPTH_FIRST"


class ReleasePolicy(Enum):
    """What becomes of a host when its assignment ends."""

    FREE = "FREE"
    QUARANTINE = "QUARANTINE"


class RoutingTokenFormat(Enum):
    """How a routing token is written into an `.rdp` file."""

    PLAIN = "PLAIN"
    MSTS_COOKIE = "MSTS_COOKIE"


@dataclass(frozen=True, slots=True)
class Gateway:
    """The server between clients and hosts that reads routing tokens.

    Attributes:
        address: Where clients reach it: a name or an address.
        port: Its port.
        token_format: How the token is written into `.rdp` files.
    """

    address: str
    port: int
    token_format: RoutingTokenFormat = RoutingTokenFormat.PLAIN

    def require_address(self) -> None:
        """Check that the address is one: clients find an `.rdp` file with another one damaged.

        Raises:
            InvalidArgument: It is neither a name nor an address, perhaps with its port behind it.
        """
        try:
            is_address = bool(ipaddress.ip_address(self.address))
        except ValueError:
            is_address = False
        if not (is_address or _HOST_NAME.fullmatch(self.address)):
            raise InvalidArgument.of_field(
                "collection.gateway.address",
                f"{self.address!r} is neither a name nor an address; give its port in port",
            )


@dataclass(frozen=True, slots=True)
class SessionLimits:
    """After how many minutes sessions end; 0: never.

    Attributes:
        active: Of those that are active.
        disconnected: Of those that are disconnected.
        idle: Of those in which nobody types.
    """

    active: int = 0
    disconnected: int = 0
    idle: int = 0


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
        custom_rdp_properties: Lines for every `.rdp` file, separated by line feeds.
        load_balancing: How new sessions spread; None means breadth first.
        max_sessions_per_host: How many sessions a host takes at the most; 0: as many as come.
        session_limits: When sessions end.
        release_policy: What becomes of a host when its assignment ends; None means free.
        gateway: The server that clients connect to instead of the hosts; None: there is none.
        user_name_format: How `.rdp` files spell the user.
    """

    display_name: str
    description: str
    type: CollectionType
    auto_assign_user: bool
    grant_administrative_privilege: bool
    max_desktops_per_user: int
    custom_rdp_properties: str = ""
    load_balancing: LoadBalancing | None = None
    max_sessions_per_host: int = 0
    session_limits: SessionLimits = SessionLimits()
    release_policy: ReleasePolicy | None = None
    gateway: Gateway | None = None
    user_name_format: UserNameFormat = UserNameFormat.AS_ASSIGNED

    @property
    def settled(self) -> Draft:
        """The same, with what is meant where nothing is said."""
        is_personal = self.type is CollectionType.PERSONAL
        return replace(
            self,
            max_desktops_per_user=max(1, self.max_desktops_per_user),
            load_balancing=self.load_balancing
            or (None if is_personal else LoadBalancing.BREADTH_FIRST),
            release_policy=self.release_policy or (ReleasePolicy.FREE if is_personal else None),
        )

    def checked(
        self, before: Draft | None = None, *, allow_unknown_properties: bool = False
    ) -> Draft:
        """Return it with its RDP properties one a line.

        Args:
            before: The collection as stored, whose properties are not checked again unless they
                change; None: it is new.
            allow_unknown_properties: Accept properties that clients are not known to read.

        Raises:
            InvalidArgument: It has a setting of the other type, or a property it cannot have; names
                the field.
        """
        is_personal = self.type is CollectionType.PERSONAL
        own, theirs = ("personal", "pooled") if is_personal else ("pooled", "personal")
        for field, unset in (_ONLY_POOLED if is_personal else _ONLY_PERSONAL).items():
            if getattr(self, field) not in unset:
                raise InvalidArgument.of_field(
                    f"collection.{field}",
                    f"is only for {theirs} collections; leave it out for a {own} one",
                )
        if self.gateway is not None and (before is None or self.gateway != before.gateway):
            self.gateway.require_address()
        if before is not None and self.custom_rdp_properties == before.custom_rdp_properties:
            return self
        properties = rdp_properties.parse(
            self.custom_rdp_properties,
            field="collection.custom_rdp_properties",
            allow_unknown=allow_unknown_properties,
        )
        return replace(self, custom_rdp_properties=properties)


# What a collection of the other type has there.
_ONLY_PERSONAL: dict[str, Sequence[object]] = {
    "auto_assign_user": (False,),
    "grant_administrative_privilege": (False,),
    "max_desktops_per_user": (0, 1),
    "release_policy": (None,),
}
_ONLY_POOLED: dict[str, Sequence[object]] = {
    "load_balancing": (None,),
    "max_sessions_per_host": (0,),
}


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
        updated_us: When it was last changed.
        host_count: How many hosts it has.
        assigned_host_count: How many of them are assigned.
    """

    id: int
    name: str
    uid: str
    draft: Draft
    version: int
    created_us: int
    updated_us: int = 0
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

    def require_etag(self, etag: str) -> None:
        """Check that it is the version that somebody read; empty: any.

        Raises:
            Aborted: It is another one.
        """
        if etag and etag != self.etag:
            raise Aborted(
                f"{self.name} is at etag {self.etag}, not {etag}; read it again",
                metadata={"name": self.name, "etag": self.etag},
            )

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
