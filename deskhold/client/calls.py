"""One call as a value: the request, what answers it, and what the protos say about the method."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from google.protobuf.descriptor_pb2 import MethodOptions
from google.protobuf.field_mask_pb2 import FieldMask
from google.protobuf.message import Message

from deskhold.api.broker.v1 import (
    agents_pb2,
    app_groups_pb2,
    assignments_pb2,
    collections_pb2,
    diagnostics_pb2,
    hosts_pb2,
    registration_pb2,
    sessions_pb2,
)
from deskhold.api.broker.v1 import watch_pb2 as broker_watch_pb2
from deskhold.api.rbac.v1 import (
    access_pb2,
    audit_pb2,
    groups_pb2,
    policies_pb2,
    role_assignments_pb2,
    role_definitions_pb2,
    scopes_pb2,
    watch_pb2,
)
from deskhold.errors import InvalidArgument

BROKER = "broker"
RBAC = "rbac"
DEFAULT_TIMEOUT_SECONDS = 30.0
# The largest that the services give: who iterates wants all of it, in few calls.
PAGE_SIZE = 1000

Answer = TypeVar("Answer", bound=Message)
# Scopes are listed as their paths, everything else as messages.
Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class Call(Generic[Answer]):
    """One request and the message that answers it.

    Attributes:
        request: The request.
        answer: The class of the answer.
        timeout_seconds: How long to wait for it, unless the client says otherwise.
    """

    request: Message
    answer: type[Answer]
    timeout_seconds: float = DEFAULT_TIMEOUT_SECONDS


@dataclass(frozen=True, slots=True)
class Listing(Generic[Item]):
    """A list that is read page after page.

    Attributes:
        first: The call for the first page.
        items: What a page holds.
    """

    first: Call[Any]
    items: Callable[[Any], Sequence[Item]]

    def after(self, page: Any) -> Call[Any] | None:
        """Return the call for the page after one; None when it was the last."""
        if not page.next_page_token:
            return None
        request = type(self.first.request)()
        request.CopyFrom(self.first.request)
        # Every list has them (AIP-158); that it is one, its type does not say.
        request.page_token = page.next_page_token  # type: ignore[attr-defined]
        return Call(request, self.first.answer, self.first.timeout_seconds)


@dataclass(frozen=True, slots=True)
class Stream(Generic[Answer]):
    """A stream without an end, which is taken up again where it broke.

    Attributes:
        first: The request that begins it.
        answer: The class of what it yields.
        after: Returns the request that takes it up again after something it yielded.
        patience_seconds: How long the service may be away before its absence is an error.
    """

    first: Message
    answer: type[Answer]
    after: Callable[[Answer], Message]
    patience_seconds: float


@dataclass(frozen=True, slots=True)
class Method:
    """One RPC as the protos declare it.

    Attributes:
        path: `package.Service/Method`.
        service: BROKER or RBAC: who serves it.
        is_repeatable: Its `idempotency_level` says that calling it twice is calling it once.
    """

    path: str
    service: str
    is_repeatable: bool


def method_of(request: Message) -> Method:
    """Return the RPC that a request belongs to; each has a request message of its own."""
    return _METHODS[request.DESCRIPTOR.full_name]


def repeatable(service: str) -> list[str]:
    """Return the paths of a service's methods that are safe to call again."""
    return [one.path for one in _METHODS.values() if one.service == service and one.is_repeatable]


def _methods(service: str, *files: Any) -> Iterator[tuple[str, Method]]:
    for file in files:
        for declared in file.DESCRIPTOR.services_by_name.values():
            for method in declared.methods:
                level = method.GetOptions().idempotency_level
                yield (
                    method.input_type.full_name,
                    Method(
                        path=f"{declared.full_name}/{method.name}",
                        service=service,
                        is_repeatable=level != MethodOptions.IDEMPOTENCY_UNKNOWN,
                    ),
                )


_METHODS = dict(
    (
        *_methods(BROKER, collections_pb2, app_groups_pb2, hosts_pb2, agents_pb2),
        *_methods(BROKER, assignments_pb2, sessions_pb2, diagnostics_pb2),
        *_methods(BROKER, broker_watch_pb2, registration_pb2),
        *_methods(RBAC, access_pb2, audit_pb2, groups_pb2, policies_pb2, watch_pb2),
        *_methods(RBAC, role_assignments_pb2, role_definitions_pb2, scopes_pb2),
    )
)


def mask_of(fields: Iterable[str]) -> FieldMask:
    """Return the mask of a change.

    Raises:
        InvalidArgument: Nothing is to be changed; to a service an empty mask means everything.
    """
    mask = FieldMask(paths=list(fields))
    if not mask.paths:
        raise InvalidArgument.of_field("update_mask", "names nothing; say what to change")
    return mask


def new_request_id() -> str:
    """Return a request id that was never used."""
    return str(uuid.uuid4())
