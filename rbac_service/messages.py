"""Between the values of all rooms and their messages."""

from __future__ import annotations

from google.protobuf.timestamp_pb2 import Timestamp

from deskhold.api.rbac.v1 import principals_pb2 as pb
from deskhold.chassis.calls import Call
from deskhold.errors import InvalidArgument
from deskhold.identities import Principal, PrincipalKind
from rbac_service.log.rules import Author

_KINDS = {
    pb.PRINCIPAL_KIND_USER: PrincipalKind.USER,
    pb.PRINCIPAL_KIND_GROUP: PrincipalKind.GROUP,
    pb.PRINCIPAL_KIND_SERVICE_PRINCIPAL: PrincipalKind.SERVICE_PRINCIPAL,
}
_NUMBERS = {kind: number for number, kind in _KINDS.items()}


def principal_of(message: pb.Principal) -> Principal:
    """Return the principal a message names.

    Raises:
        InvalidArgument: It is of no kind there is; access rows ask before validation.
    """
    kind = _KINDS.get(message.kind)
    if kind is None:
        raise InvalidArgument.of_field("principal.kind", f"there is no kind {message.kind}")
    return Principal(kind, message.id, message.directory)


def principal_message(principal: Principal) -> pb.Principal:
    """Return a principal as a message."""
    return pb.Principal(
        kind=_NUMBERS[principal.kind], id=principal.id, directory=principal.directory
    )


def timestamp(time_us: int) -> Timestamp:
    """Return microseconds since the epoch as a message."""
    stamp = Timestamp()
    stamp.FromMicroseconds(time_us)
    return stamp


def author_of(call: Call) -> Author:
    """Return who makes the changes of a call, and by which right."""
    return Author(call.authenticated.key, call.request_id, call.grant.decision_id)
