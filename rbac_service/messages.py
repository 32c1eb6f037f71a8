"""Between the values of all rooms and their messages."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import Final

from google.protobuf.timestamp_pb2 import Timestamp

from deskhold.api.rbac.v1 import principals_pb2 as pb
from deskhold.chassis.calls import Call, Caller
from deskhold.errors import InvalidArgument
from deskhold.identities import Domains, Principal, PrincipalKind
from rbac_service.log.rules import Author

_NUMBERS = {
    PrincipalKind.USER: pb.PRINCIPAL_KIND_USER,
    PrincipalKind.GROUP: pb.PRINCIPAL_KIND_GROUP,
    PrincipalKind.SERVICE_PRINCIPAL: pb.PRINCIPAL_KIND_SERVICE_PRINCIPAL,
}
_KINDS: dict[int, PrincipalKind] = {number: kind for kind, number in _NUMBERS.items()}
_KIND_NAMES = [kind.value for kind in PrincipalKind]
# Those whom a busy enforcement point asks about again and again; bounded, since callers choose.
_REMEMBER_PRINCIPALS: Final = 65_536


class Messages:
    """What is said of callers needs the deployment's domains.

    Args:
        domains: The deployment's domains.
    """

    def __init__(self, domains: Domains) -> None:
        self._domains = domains
        # Folding costs more than deciding, and a question names four principals.
        self._key = lru_cache(_REMEMBER_PRINCIPALS)(self._fold)

    def caller_keys(self, caller: Caller) -> tuple[str, ...]:
        """Return the keys under which a caller may hold roles: its own and its token's groups'."""
        return (caller.key, *self.group_keys(caller.group_ids, caller.principal.directory))

    def group_keys(self, group_ids: Iterable[str], directory: str) -> list[str]:
        """Return the keys of groups that a token names."""
        return [
            self._key(pb.PRINCIPAL_KIND_GROUP, group_id, directory, "group_ids")
            for group_id in group_ids
        ]

    def keys_of(self, principal: pb.Principal, group_ids: Iterable[str]) -> tuple[str, ...]:
        """Return the keys of a principal and of the groups that its token names.

        Raises:
            InvalidArgument: One of the ids cannot be one of its kind.
        """
        key = self.key_of(principal, field="principal")
        return (key, *self.group_keys(group_ids, principal.directory))

    def key_of(self, message: pb.Principal, *, field: str) -> str:
        """Return the form in which the principal of a message is compared.

        Raises:
            InvalidArgument: Its id cannot be one of its kind; names the field of the id.
        """
        return self._key(message.kind, message.id, message.directory, f"{field}.id")

    def key_of_text(self, text: str, *, field: str) -> str:
        """Return the key of a principal given as `kind:id`; other authors are named as they are.

        Raises:
            InvalidArgument: It is of no kind, or its id cannot be one of its kind.
        """
        kind = text.partition(":")[0]
        if kind == "local":
            return text
        if kind not in _KIND_NAMES or text == kind:
            raise InvalidArgument.of_field(
                field, f"{text!r} is not of the form 'kind:id', the kind one of {_KIND_NAMES}"
            )
        return self._domains.key(principal_of_key(text), field=field)

    def _fold(self, kind: int, principal_id: str, directory: str, field: str) -> str:
        # Remembered by the kind's number: an enum is hashed in Python, which takes longer than all.
        return self._domains.key(Principal(_kind(kind), principal_id, directory), field=field)

    def author_of(self, call: Call) -> Author:
        """Return who makes the changes of a call, and by which right."""
        caller = call.authenticated
        return Author(caller.key, call.request_id, call.grant.decision_id, self.caller_keys(caller))


def kind_of(number: int) -> PrincipalKind:
    """Return the kind of principal that a message names by number; it was checked before."""
    return _KINDS[number]


def kind_number(kind: str) -> pb.PrincipalKind.ValueType:
    """Return the number of a kind of principal."""
    return _NUMBERS[PrincipalKind(kind)]


def principal_of(message: pb.Principal) -> Principal:
    """Return the principal a message names.

    Raises:
        InvalidArgument: It is of no kind there is; access rows ask before validation.
    """
    return Principal(_kind(message.kind), message.id, message.directory)


def _kind(number: int) -> PrincipalKind:
    kind = _KINDS.get(number)
    if kind is None:
        raise InvalidArgument.of_field("principal.kind", f"there is no kind {number}")
    return kind


def principal_message(principal: Principal) -> pb.Principal:
    """Return a principal as a message."""
    return pb.Principal(
        kind=_NUMBERS[principal.kind], id=principal.id, directory=principal.directory
    )


def principal_of_key(key: str) -> Principal:
    """Return the principal of a key, in its folded form."""
    kind, _, rest = key.partition(":")
    own, _, directory = rest.partition("\t")
    return Principal(PrincipalKind(kind), own, directory)


def timestamp(time_us: int) -> Timestamp:
    """Return microseconds since the epoch as a message."""
    stamp = Timestamp()
    stamp.FromMicroseconds(time_us)
    return stamp
