"""Bounds that every value in every request keeps, whatever its field: text, times, durations.

They are checked once, where messages enter, before anything reads a field. What a particular field
may hold is a rule in its proto (`deskhold.chassis.validation`).
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import Enum
from functools import cache
from typing import Any, Final, NamedTuple

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

from deskhold.errors import InvalidArgument

# The years 1 to 9999, as google/protobuf/timestamp.proto and Python's datetime have them.
_FIRST_SECOND: Final = -62_135_596_800
_LAST_SECOND: Final = 253_402_300_799
_MAX_DURATION_SECONDS: Final = 315_576_000_000  # as google/protobuf/duration.proto has it
_MAX_NANOSECONDS: Final = 999_999_999
_MAX_INTEGER: Final = 2**63 - 1  # what a database takes


class _Kind(Enum):
    TEXT = "text"
    UNSIGNED = "unsigned"
    TIMESTAMP = "google.protobuf.Timestamp"
    DURATION = "google.protobuf.Duration"
    MESSAGE = "message"


class _Field(NamedTuple):
    """A field that is looked at.

    Attributes:
        name: Its name.
        kind: What it holds.
        type: The type of its messages, if it holds such.
        is_repeated: Whether it holds several.
        has_presence: Whether it may be unset.
    """

    name: str
    kind: _Kind
    type: Any
    is_repeated: bool
    has_presence: bool


def check_values(message: Message, *, has_zero_bytes: bool) -> None:
    """Check every text, time, duration and unsigned number in a message.

    Args:
        message: Any message.
        has_zero_bytes: Whether its serialized form has a zero byte; without one no text can hold
            a NUL character, and texts need not be looked at.

    Raises:
        InvalidArgument: A text holds a NUL, which PostgreSQL cannot store; or a time, a duration or
            a number is out of range. Names the field.
    """
    _check(message, message.DESCRIPTOR, "", has_zero_bytes)


def _check(message: Any, kind: Any, path: str, texts: bool) -> None:
    for field in _fields(kind, texts):
        if field.has_presence and not message.HasField(field.name):
            continue
        value = getattr(message, field.name)
        where = f"{path}{field.name}"
        for one, place in _values(value, where) if field.is_repeated else ((value, where),):
            if field.kind is _Kind.MESSAGE:
                _check(one, field.type, f"{place}.", texts)
            else:
                _check_value(one, field.kind, place)


def _values(values: Any, where: str) -> Iterator[tuple[Any, str]]:
    for index, value in enumerate(values):
        yield value, f"{where}[{index}]"


def _check_value(value: Any, kind: _Kind, where: str) -> None:
    if kind is _Kind.TEXT:
        if "\0" in value:
            raise InvalidArgument.of_field(where, "holds a NUL character; remove it")
    elif kind is _Kind.UNSIGNED:
        if value > _MAX_INTEGER:
            raise InvalidArgument.of_field(where, f"{value} is more than {_MAX_INTEGER}")
    elif kind is _Kind.TIMESTAMP:
        if not (
            _FIRST_SECOND <= value.seconds <= _LAST_SECOND and 0 <= value.nanos <= _MAX_NANOSECONDS
        ):
            raise InvalidArgument.of_field(where, "is no time in the years 1 to 9999")
    elif (
        abs(value.seconds) > _MAX_DURATION_SECONDS
        or abs(value.nanos) > _MAX_NANOSECONDS
        or value.seconds * value.nanos < 0
    ):
        raise InvalidArgument.of_field(where, "is no duration of up to 10,000 years")


@cache
def _fields(kind: Any, texts: bool) -> tuple[_Field, ...]:
    """Return the fields of a message type that are looked at, without those that hold none."""
    found = []
    for field in kind.fields:
        seen = _kind_of(field)
        if seen is None or (seen is _Kind.TEXT and not texts):
            continue
        if seen is _Kind.MESSAGE and not _holds_any(field.message_type, texts, ()):
            continue
        found.append(
            _Field(
                field.name,
                seen,
                field.message_type,
                field.is_repeated,
                not field.is_repeated and field.has_presence,
            )
        )
    return tuple(found)


def _holds_any(kind: Any, texts: bool, above: tuple[Any, ...]) -> bool:
    return kind not in above and any(
        _holds_any(field.message_type, texts, (*above, kind))
        if seen is _Kind.MESSAGE
        else texts or seen is not _Kind.TEXT
        for field in kind.fields
        if (seen := _kind_of(field)) is not None
    )


def _kind_of(field: Any) -> _Kind | None:
    if field.message_type is not None:
        if field.message_type.GetOptions().map_entry:
            raise TypeError(f"{field.full_name} is a map, which this module cannot check")
        name = field.message_type.full_name
        return next(
            (one for one in (_Kind.TIMESTAMP, _Kind.DURATION) if one.value == name), _Kind.MESSAGE
        )
    if field.type == FieldDescriptor.TYPE_STRING:
        return _Kind.TEXT
    if field.type in (FieldDescriptor.TYPE_UINT64, FieldDescriptor.TYPE_FIXED64):
        return _Kind.UNSIGNED
    return None
