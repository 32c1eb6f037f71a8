"""Between explanations and their messages."""

from __future__ import annotations

from deskhold.api.rbac.v1 import access_pb2 as pb
from rbac_service.access.explain import Grant, NearMiss, Reason
from rbac_service.access.snapshot import FOREVER_US
from rbac_service.messages import principal_message, principal_of_key, timestamp

_REASONS = {
    Reason.NOT_STARTED: pb.NEAR_MISS_REASON_NOT_STARTED,
    Reason.EXPIRED: pb.NEAR_MISS_REASON_EXPIRED,
    Reason.EXCLUDED: pb.NEAR_MISS_REASON_EXCLUDED,
    Reason.OTHER_SCOPE: pb.NEAR_MISS_REASON_OTHER_SCOPE,
    Reason.NOT_IN_GROUP: pb.NEAR_MISS_REASON_NOT_IN_GROUP,
    Reason.OTHER_ACTION: pb.NEAR_MISS_REASON_OTHER_ACTION,
    Reason.UNKNOWN_ACTION: pb.NEAR_MISS_REASON_UNKNOWN_ACTION,
    Reason.NO_ROLE: pb.NEAR_MISS_REASON_NO_ROLE,
}


def grant_message(grant: Grant) -> pb.GrantPath:
    """Return what allows an action as a message."""
    message = pb.GrantPath(
        role_assignment=grant.hold.name,
        role_definition=grant.role.name,
        role_display_name=grant.role.display_name,
        scope=grant.hold.scope,
        inherited=grant.inherited,
        through_groups=[principal_message(principal_of_key(key)) for key in grant.through_groups],
    )
    if grant.hold.expire_us != FOREVER_US:
        message.expire_time.CopyFrom(timestamp(grant.hold.expire_us))
    return message


def near_miss_message(miss: NearMiss) -> pb.NearMiss:
    """Return what nearly allows an action as a message."""
    return pb.NearMiss(
        reason=_REASONS[miss.reason],
        role_assignment="" if miss.hold is None else miss.hold.name,
        role_display_name="" if miss.role is None else miss.role.display_name,
        scope="" if miss.hold is None else miss.hold.scope,
        message=miss.message,
    )
