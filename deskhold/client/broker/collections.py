"""Collections."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from google.protobuf.empty_pb2 import Empty

from deskhold.api.broker.v1 import collections_pb2
from deskhold.client.calls import PAGE_SIZE, Call, Listing, mask_of, new_request_id

LoadBalancing = Literal["breadth_first", "depth_first"]
ReleasePolicy = Literal["free", "quarantine"]
RoutingTokenFormat = Literal["plain", "msts_cookie"]
UserNameFormat = Literal["as_assigned", "upn", "netbios", "bare"]


@dataclass(frozen=True, slots=True)
class Gateway:
    """The server between clients and hosts that reads routing tokens.

    Attributes:
        address: Where clients reach it: a name or an address.
        port: Its port; 0 means 3389.
        token_format: How the token is written into `.rdp` files.
    """

    address: str
    port: int = 0
    token_format: RoutingTokenFormat = "plain"  # noqa: S105 - a form

    @classmethod
    def of(cls, collection: collections_pb2.Collection) -> Gateway | None:
        """Return the gateway of a collection, if it has one."""
        if not collection.HasField("gateway"):
            return None
        said = collection.gateway
        name = collections_pb2.RoutingTokenFormat.Name(said.token_format)
        is_cookie = name == "ROUTING_TOKEN_FORMAT_MSTS_COOKIE"
        return cls(said.address, said.port, "msts_cookie" if is_cookie else "plain")

    @property
    def message(self) -> collections_pb2.Gateway:
        """The same as a message."""
        format = f"ROUTING_TOKEN_FORMAT_{self.token_format.upper()}"
        return collections_pb2.Gateway(
            address=self.address,
            port=self.port,
            token_format=collections_pb2.RoutingTokenFormat.Value(format),
        )


def create_collection(
    parent: str,
    collection_id: str,
    *,
    type: Literal["personal", "pooled"],
    display_name: str = "",
    description: str = "",
    auto_assign_user: bool = False,
    grant_administrative_privilege: bool = False,
    max_desktops_per_user: int = 0,
    custom_rdp_properties: str = "",
    load_balancing: LoadBalancing | None = None,
    max_sessions_per_host: int = 0,
    active_session_limit_minutes: int = 0,
    disconnected_session_limit_minutes: int = 0,
    idle_session_limit_minutes: int = 0,
    release_policy: ReleasePolicy | None = None,
    gateway: Gateway | None = None,
    user_name_format: UserNameFormat | None = None,
    host_ids: Iterable[str] = (),
    allow_unknown_rdp_properties: bool = False,
    request_id: str | None = None,
    validate_only: bool = False,
) -> Call[collections_pb2.Collection]:
    """Create a collection in a tenant, with its first hosts, all or nothing.

    Args:
        parent: The tenant.
        collection_id: Its id there.
        type: Whether each user holds a host of their own.
        display_name: What people see.
        description: What it is for.
        auto_assign_user: Only personal, as the next two.
        grant_administrative_privilege: Who holds a host is administrator on it.
        max_desktops_per_user: How many hosts one user may hold, at most 16; 0 means 1.
        custom_rdp_properties: Properties `name:type:value` for `.rdp` files, with line feeds or
            semicolons between.
        load_balancing: Only pooled, as the next; breadth first when not given.
        max_sessions_per_host: 0: as many as come.
        active_session_limit_minutes: When sessions end, as the next two; 0: never.
        disconnected_session_limit_minutes: See above.
        idle_session_limit_minutes: See above.
        release_policy: Only personal: what becomes of a host that is given back; free when not
            given.
        gateway: The server that clients connect to instead of the hosts; `.rdp` files then carry
            a routing token for it.
        user_name_format: How `.rdp` files spell the user; as assigned when not given.
        host_ids: Its first hosts.
        allow_unknown_rdp_properties: Accept properties that clients are not known to read.
        request_id: See `deskhold.client.broker`.
        validate_only: Change nothing.

    Raises:
        InvalidArgument: A setting does not go with the type, or a name is wrong.
        AlreadyExists: There is one of this name.
        FailedPrecondition: A host is in another collection, or the name is still being removed.
    """
    collection = collections_pb2.Collection(
        type=collections_pb2.CollectionType.Value(f"COLLECTION_TYPE_{type.upper()}"),
        display_name=display_name,
        description=description,
        auto_assign_user=auto_assign_user,
        grant_administrative_privilege=grant_administrative_privilege,
        max_desktops_per_user=max_desktops_per_user,
        custom_rdp_properties=custom_rdp_properties,
        load_balancing=_load_balancing(load_balancing),
        max_sessions_per_host=max_sessions_per_host,
        active_session_limit_minutes=active_session_limit_minutes,
        disconnected_session_limit_minutes=disconnected_session_limit_minutes,
        idle_session_limit_minutes=idle_session_limit_minutes,
        release_policy=_release_policy(release_policy),
        gateway=None if gateway is None else gateway.message,
        user_name_format=_user_name_format(user_name_format),
    )
    request = collections_pb2.CreateCollectionRequest(
        parent=parent,
        collection_id=collection_id,
        collection=collection,
        host_ids=host_ids,
        allow_unknown_rdp_properties=allow_unknown_rdp_properties,
        request_id=request_id or new_request_id(),
        validate_only=validate_only,
    )
    return Call(request, collections_pb2.Collection)


def get_collection(name: str) -> Call[collections_pb2.Collection]:
    """Return one collection.

    Raises:
        NotFound: There is none.
    """
    return Call(collections_pb2.GetCollectionRequest(name=name), collections_pb2.Collection)


def list_collections(
    parent: str, *, page_size: int = PAGE_SIZE
) -> Listing[collections_pb2.Collection]:
    """Iterate over the collections of a tenant, by id."""
    request = collections_pb2.ListCollectionsRequest(parent=parent, page_size=page_size)
    return Listing(
        Call(request, collections_pb2.ListCollectionsResponse), lambda page: page.collections
    )


def update_collection(
    name: str,
    *,
    display_name: str | None = None,
    description: str | None = None,
    max_desktops_per_user: int | None = None,
    custom_rdp_properties: str | None = None,
    load_balancing: LoadBalancing | None = None,
    max_sessions_per_host: int | None = None,
    active_session_limit_minutes: int | None = None,
    disconnected_session_limit_minutes: int | None = None,
    idle_session_limit_minutes: int | None = None,
    release_policy: ReleasePolicy | None = None,
    gateway: Gateway | Literal["none"] | None = None,
    user_name_format: UserNameFormat | None = None,
    allow_unknown_rdp_properties: bool = False,
    etag: str = "",
    request_id: str | None = None,
    validate_only: bool = False,
) -> Call[collections_pb2.Collection]:
    """Change what is given of a collection; the rest stays. See `create_collection`.

    With "none" as gateway, clients connect to the hosts themselves from then on.

    Raises:
        NotFound: There is none.
        Aborted: It is not the version of the etag.
        InvalidArgument: Nothing is given; a setting does not go with the type.
        FailedPrecondition: A user holds more hosts than the new limit.
    """
    changes = {
        "display_name": display_name,
        "description": description,
        "max_desktops_per_user": max_desktops_per_user,
        "custom_rdp_properties": custom_rdp_properties,
        "load_balancing": load_balancing and _load_balancing(load_balancing),
        "max_sessions_per_host": max_sessions_per_host,
        "active_session_limit_minutes": active_session_limit_minutes,
        "disconnected_session_limit_minutes": disconnected_session_limit_minutes,
        "idle_session_limit_minutes": idle_session_limit_minutes,
        "release_policy": release_policy and _release_policy(release_policy),
        "gateway": gateway.message if isinstance(gateway, Gateway) else None,
        "user_name_format": user_name_format and _user_name_format(user_name_format),
    }
    given = {field: value for field, value in changes.items() if value is not None}
    removed = ("gateway",) if gateway == "none" else ()
    # The fields have types of their own, which a mapping does not tell apart.
    request = collections_pb2.UpdateCollectionRequest(
        collection=collections_pb2.Collection(name=name, etag=etag, **given),  # type: ignore[arg-type]
        update_mask=mask_of((*given, *removed)),
        allow_unknown_rdp_properties=allow_unknown_rdp_properties,
        request_id=request_id or new_request_id(),
        validate_only=validate_only,
    )
    return Call(request, collections_pb2.Collection)


def delete_collection(
    name: str,
    *,
    etag: str = "",
    force: bool = False,
    request_id: str | None = None,
    validate_only: bool = False,
) -> Call[Empty]:
    """Delete a collection; with force even one with hosts, whose assignments end.

    Raises:
        NotFound: There is none.
        FailedPrecondition: It has hosts, and force is not set.
        Aborted: It is not the version of the etag.
    """
    request = collections_pb2.DeleteCollectionRequest(
        name=name,
        etag=etag,
        force=force,
        request_id=request_id or new_request_id(),
        validate_only=validate_only,
    )
    return Call(request, Empty)


def _load_balancing(value: LoadBalancing | None) -> collections_pb2.LoadBalancing.ValueType:
    return collections_pb2.LoadBalancing.Value(f"LOAD_BALANCING_{(value or 'unspecified').upper()}")


def _user_name_format(value: UserNameFormat | None) -> collections_pb2.UserNameFormat.ValueType:
    return collections_pb2.UserNameFormat.Value(
        f"USER_NAME_FORMAT_{(value or 'unspecified').upper()}"
    )


def _release_policy(value: ReleasePolicy | None) -> collections_pb2.ReleasePolicy.ValueType:
    return collections_pb2.ReleasePolicy.Value(f"RELEASE_POLICY_{(value or 'unspecified').upper()}")
