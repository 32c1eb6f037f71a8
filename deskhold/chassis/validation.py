"""The rules written in the protos (protovalidate), enforced after access.

The same rules are in the descriptors that clients have, so that they can check before they send.
"""

from __future__ import annotations

from typing import Any, Final

import protovalidate
from google.protobuf.message import Message

from deskhold.chassis.calls import Call, Handler, Method
from deskhold.errors import FieldViolation, InvalidArgument

_VALIDATOR: Final = protovalidate.Validator()
# A refusal travels in trailers, of which clients accept 8 KiB.
_MAX_NAMED = 20


def layer(_: Method, handler: Handler) -> Handler:
    """Refuse requests that break a rule, naming every field that does."""

    async def validated(request: Message, call: Call) -> Message:
        check(request)
        return await handler(request, call)

    return validated


def check(message: Message) -> None:
    """Check a message against the rules of its proto.

    Raises:
        InvalidArgument: It breaks one or more; names every field, of very many the first.
    """
    violations = _VALIDATOR.collect_violations(message)
    if violations:
        raise _refusal(violations)


def _refusal(violations: list[protovalidate.Violation]) -> InvalidArgument:
    wrong = tuple(
        FieldViolation(_path(violation.proto.field), violation.proto.message)
        for violation in violations[:_MAX_NAMED]
    )
    first = wrong[0]
    more = f" (and {len(violations) - 1} more)" if len(violations) > 1 else ""
    where = f"{first.field}: " if first.field else ""
    return InvalidArgument(
        f"{where}{first.description}{more}",
        metadata={"field": first.field},
        violations=wrong,
    )


def _path(field: Any) -> str:
    """Return the path of a field as the proto has it; empty for a rule of the whole message."""
    path = ""
    for element in field.elements if field else ():
        path += ("." if path else "") + element.field_name
        if element.subscript is not None:
            path += f"[{element.subscript.value!r}]"
    return path
