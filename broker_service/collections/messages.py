"""Between collections and their messages."""

from __future__ import annotations

from broker_service.collections.rules import (
    RDP_PORT,
    Collection,
    CollectionType,
    Draft,
    Gateway,
    LoadBalancing,
    ReleasePolicy,
    RoutingTokenFormat,
    SessionLimits,
)
from broker_service.messages import timestamp
from deskhold.api.broker.v1 import collections_pb2 as pb
from deskhold.errors import InvalidArgument
from deskhold.identities import UserNameFormat

_TYPES = {
    pb.COLLECTION_TYPE_PERSONAL: CollectionType.PERSONAL,
    pb.COLLECTION_TYPE_POOLED: CollectionType.POOLED,
}
_BALANCINGS = {
    pb.LOAD_BALANCING_BREADTH_FIRST: LoadBalancing.BREADTH_FIRST,
    pb.LOAD_BALANCING_DEPTH_FIRST: LoadBalancing.DEPTH_FIRST,
}
_POLICIES = {
    pb.RELEASE_POLICY_FREE: ReleasePolicy.FREE,
    pb.RELEASE_POLICY_QUARANTINE: ReleasePolicy.QUARANTINE,
}
_TOKEN_FORMATS = {
    pb.ROUTING_TOKEN_FORMAT_PLAIN: RoutingTokenFormat.PLAIN,
    pb.ROUTING_TOKEN_FORMAT_MSTS_COOKIE: RoutingTokenFormat.MSTS_COOKIE,
}
_NAME_FORMATS = {
    pb.USER_NAME_FORMAT_AS_ASSIGNED: UserNameFormat.AS_ASSIGNED,
    pb.USER_NAME_FORMAT_UPN: UserNameFormat.UPN,
    pb.USER_NAME_FORMAT_NETBIOS: UserNameFormat.NETBIOS,
    pb.USER_NAME_FORMAT_BARE: UserNameFormat.BARE,
}
_TYPE_NUMBERS = {value: number for number, value in _TYPES.items()}
_BALANCING_NUMBERS = {value: number for number, value in _BALANCINGS.items()}
_POLICY_NUMBERS = {value: number for number, value in _POLICIES.items()}
_TOKEN_FORMAT_NUMBERS = {value: number for number, value in _TOKEN_FORMATS.items()}
_NAME_FORMAT_NUMBERS = {value: number for number, value in _NAME_FORMATS.items()}


def draft_of(message: pb.Collection) -> Draft:
    """Return what a collection is to be created with."""
    if message.type not in _TYPES:
        raise InvalidArgument.of_field(
            "collection.type", "is needed; give COLLECTION_TYPE_PERSONAL or COLLECTION_TYPE_POOLED"
        )
    return Draft(
        display_name=message.display_name,
        description=message.description,
        type=_TYPES[message.type],
        auto_assign_user=message.auto_assign_user,
        grant_administrative_privilege=message.grant_administrative_privilege,
        max_desktops_per_user=message.max_desktops_per_user,
        custom_rdp_properties=message.custom_rdp_properties,
        load_balancing=_BALANCINGS.get(message.load_balancing),
        max_sessions_per_host=message.max_sessions_per_host,
        session_limits=SessionLimits(
            message.active_session_limit_minutes,
            message.disconnected_session_limit_minutes,
            message.idle_session_limit_minutes,
        ),
        release_policy=_POLICIES.get(message.release_policy),
        gateway=_gateway_of(message.gateway) if message.HasField("gateway") else None,
        user_name_format=_NAME_FORMATS.get(message.user_name_format, UserNameFormat.AS_ASSIGNED),
    )


def draft_message(draft: Draft) -> pb.Collection:
    """Return what a collection was created with as a message."""
    limits = draft.session_limits
    balancing, policy = pb.LOAD_BALANCING_UNSPECIFIED, pb.RELEASE_POLICY_UNSPECIFIED
    if draft.load_balancing is not None:
        balancing = _BALANCING_NUMBERS[draft.load_balancing]
    if draft.release_policy is not None:
        policy = _POLICY_NUMBERS[draft.release_policy]
    return pb.Collection(
        display_name=draft.display_name,
        description=draft.description,
        type=_TYPE_NUMBERS[draft.type],
        auto_assign_user=draft.auto_assign_user,
        grant_administrative_privilege=draft.grant_administrative_privilege,
        max_desktops_per_user=draft.max_desktops_per_user,
        custom_rdp_properties=draft.custom_rdp_properties,
        load_balancing=balancing,
        max_sessions_per_host=draft.max_sessions_per_host,
        active_session_limit_minutes=limits.active,
        disconnected_session_limit_minutes=limits.disconnected,
        idle_session_limit_minutes=limits.idle,
        release_policy=policy,
        gateway=None if draft.gateway is None else _gateway_message(draft.gateway),
        user_name_format=_NAME_FORMAT_NUMBERS[draft.user_name_format],
    )


def message_of(collection: Collection) -> pb.Collection:
    """Return a collection as a message, with the counts it has."""
    message = draft_message(collection.draft)
    message.MergeFrom(
        pb.Collection(
            name=collection.name,
            uid=collection.uid,
            host_count=collection.host_count,
            assigned_host_count=collection.assigned_host_count,
            etag=collection.etag,
            create_time=timestamp(collection.created_us),
            update_time=timestamp(collection.updated_us),
        )
    )
    return message


def _gateway_of(message: pb.Gateway) -> Gateway:
    format = _TOKEN_FORMATS.get(message.token_format, RoutingTokenFormat.PLAIN)
    return Gateway(message.address, message.port or RDP_PORT, format)


def _gateway_message(gateway: Gateway) -> pb.Gateway:
    return pb.Gateway(
        address=gateway.address,
        port=gateway.port,
        token_format=_TOKEN_FORMAT_NUMBERS[gateway.token_format],
    )
