"""The rules written in the protos (protovalidate), enforced after access.

The same rules are in the descriptors that clients have, so that they can check before they send.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypeVar

import protovalidate
from google.protobuf.message import Message

from deskhold import names
from deskhold.chassis.calls import Call, Handler, Method
from deskhold.errors import FieldViolation, InvalidArgument

Behavior = TypeVar("Behavior", bound=Callable[..., Any])

_VALIDATOR: Final = protovalidate.Validator()
# A refusal travels in trailers, of which clients accept 8 KiB.
_MAX_NAMED = 20
_MAX_QUOTED = 32
# The patterns of the protos in words: protovalidate's own rule would show people the expression,
# and a rule in CEL, which may have words of its own, costs several times as much in long lists.
_WORDS: Final = {
    f"^{names.ID_PATTERN.pattern}$": (
        "a letter or digit followed by up to 62 letters, digits, '.', '_' or '-'"
    ),
    "^[A-Za-z0-9._:-]*$": "a name or address of letters, digits, '.', '_', ':' and '-'",
    "^[A-Za-z0-9._-]+(/[A-Za-z0-9._-]+)+$": (
        "of the form 'provider/resource/verb', of letters, digits, '.', '_' and '-'"
    ),
    "^[A-Za-z0-9._*-]+(/[A-Za-z0-9._*-]+)*$": (
        "a pattern of actions, as 'provider/resource/*', of letters, digits, '.', '_', '-' and '*'"
    ),
    f"^groups/{names.ID_PATTERN.pattern}$": (
        "of the form 'groups/ID', the id a letter or digit followed by up to 62 letters, digits,"
        " '.', '_' or '-'"
    ),
    "^roleDefinitions/[A-Za-z0-9-]{1,63}$": (
        "of the form 'roleDefinitions/ID', the id of up to 63 letters, digits and '-'"
    ),
}


def by_servicer(behavior: Behavior) -> Behavior:
    """Mark a servicer's method that validates its requests itself, before it does anything else.

    For what is asked so often that the parts of a request are nearly always known to be good.
    """
    # A function takes attributes, which its type does not say.
    behavior.validates_itself = True  # type: ignore[attr-defined]
    return behavior


def layer(method: Method, handler: Handler) -> Handler:
    """Refuse requests that break a rule, naming every field that does."""
    if method.validates_itself:
        return handler

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
        FieldViolation(_path(violation.proto.field), _description(violation))
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


def _description(violation: protovalidate.Violation) -> str:
    if violation.proto.rule_id != "string.pattern":
        return violation.proto.message
    value = str(violation.field_value)
    shown = repr(value if len(value) <= _MAX_QUOTED else value[:_MAX_QUOTED] + "…")
    words = _WORDS.get(str(violation.rule_value))
    return f"{shown} is not {words}" if words else f"{shown} is not of the form expected here"


def _path(field: Any) -> str:
    """Return the path of a field as the proto has it; empty for a rule of the whole message."""
    path = ""
    for element in field.elements if field else ():
        path += ("." if path else "") + element.field_name
        if element.subscript is not None:
            path += f"[{element.subscript.value!r}]"
    return path
