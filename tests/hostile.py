"""Requests of every RPC with hostile values in every field, made from the descriptors."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from types import ModuleType
from typing import Any, Final

from google.protobuf.descriptor import FieldDescriptor as Field
from google.protobuf.descriptor import MethodDescriptor, ServiceDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

_BIDI: Final = "\N{RIGHT-TO-LEFT OVERRIDE}moc.osotnoc@ecila\N{POP DIRECTIONAL FORMATTING}"
_TEXTS: Final = (
    "\0",
    "a\0b",
    "x" * 60_000,
    "/" * 1000,
    "/a" * 500,
    "\N{SNOWMAN}" * 300,
    "\N{GRINNING FACE}",
    _BIDI,
    "\uffff\ufeff\u2028",
    "9" * 400,
    "1e999",
    "-1",
    "'; DROP TABLE hosts --",
    "%" * 100,
    "(a+)+$" * 20,
    "../../etc/passwd",
    "2026-13-45T99:99:99Z",
)
_SECONDS: Final = (2**63 - 1, -(2**63), 253_402_300_800, 253_402_300_799, -62_135_596_801)
_NANOS: Final = (2**31 - 1, -(2**31), -1, 1_000_000_000)
_VALUES: Final[Mapping[int, tuple[Any, ...]]] = {
    Field.TYPE_STRING: _TEXTS,
    Field.TYPE_BYTES: (b"\0" * 1000, b"\xff\xfe" * 1000, b"x" * 60_000, "\ufeff\0\n,;\t".encode()),
    Field.TYPE_INT32: (2**31 - 1, -(2**31), -1),
    Field.TYPE_INT64: (2**63 - 1, -(2**63), -1),
    Field.TYPE_UINT32: (2**32 - 1,),
    Field.TYPE_UINT64: (2**64 - 1,),
    Field.TYPE_ENUM: (999, -1, 2**31 - 1),
    Field.TYPE_DOUBLE: (float("nan"), float("inf"), -float("inf"), 1e308),
    Field.TYPE_FLOAT: (float("nan"), float("inf"), -float("inf")),
    Field.TYPE_BOOL: (True,),
}
# Three bytes that would be a lone surrogate, which UTF-8 cannot hold, and no UTF-8 at all.
_NO_TEXTS: Final = (b"\xed\xa0\x80", b"\xff\xfe\xfd", b"\xc0\x80")
# Whatever the values do, they are to change nothing.
_SPARED: Final = frozenset({"force", "repair"})


@dataclass(frozen=True)
class Hostile:
    """One request.

    Attributes:
        path: `/package.Service/Method`.
        streams: Whether the answer is a stream.
        where: The field that is hostile, and its value, for people.
        body: The request, serialized.
    """

    path: str
    streams: bool
    where: str
    body: bytes


def services_of(package: ModuleType) -> Iterator[ServiceDescriptor]:
    """Return the services of an API package."""
    for one in pkgutil.iter_modules(package.__path__):
        if one.name.endswith("_pb2"):
            module = importlib.import_module(f"{package.__name__}.{one.name}")
            yield from module.DESCRIPTOR.services_by_name.values()


def requests(method: MethodDescriptor, plausible: Callable[[Message], None]) -> Iterator[Hostile]:
    """Return hostile requests of a method, each alone and within an otherwise plausible request.

    Args:
        method: The method.
        plausible: Fills the fields of a request with values that a caller would send.
    """
    kind = GetMessageClass(method.input_type)
    path = f"/{method.containing_service.full_name}/{method.name}"
    for fill in (_nothing, plausible):
        base = kind()
        fill(base)
        for where, body in _bodies(base, ""):
            yield Hostile(path, method.server_streaming, f"{fill.__name__} {where}", body)


def _nothing(_: Message) -> None:
    """Fill nothing."""


def _bodies(base: Message, above: str, depth: int = 0) -> Iterator[tuple[str, bytes]]:
    for field in base.DESCRIPTOR.fields:
        where = f"{above}{field.name}"
        if field.name in _SPARED:
            continue
        if field.type == Field.TYPE_STRING:
            for text in _NO_TEXTS:
                yield f"{where}={text!r}", base.SerializeToString() + _tagged(field.number, text)
        if field.type == Field.TYPE_MESSAGE:
            yield from _message_bodies(base, field, where, depth)
            continue
        for value in _VALUES[field.type]:
            made = _copy(base)
            if field.is_repeated:
                getattr(made, field.name).extend([value] * 3)
            else:
                setattr(made, field.name, value)
            yield f"{where}={str(value)[:40]!r}", made.SerializeToString()


def _message_bodies(
    base: Message, field: Any, where: str, depth: int
) -> Iterator[tuple[str, bytes]]:
    kind = GetMessageClass(field.message_type)
    inner = kind()
    if field.message_type.full_name in ("google.protobuf.Timestamp", "google.protobuf.Duration"):
        contents = [
            *(kind(seconds=seconds).SerializeToString() for seconds in _SECONDS),
            *(kind(seconds=1, nanos=nanos).SerializeToString() for nanos in _NANOS),
        ]
        for content in contents:
            yield f"{where}={content!r}", base.SerializeToString() + _tagged(field.number, content)
        return
    yield f"{where}=empty", base.SerializeToString() + _tagged(field.number, b"")
    if field.is_repeated:
        yield f"{where}=many", base.SerializeToString() + _tagged(field.number, b"") * 20_000
    elif base.HasField(field.name):
        inner = _copy(getattr(base, field.name))
    if depth < 4:
        for below, content in _bodies(inner, f"{where}.", depth + 1):
            yield below, base.SerializeToString() + _tagged(field.number, content)


def _copy(message: Message) -> Message:
    made = type(message)()
    made.CopyFrom(message)
    return made


def _tagged(number: int, content: bytes) -> bytes:
    return _varint(number << 3 | 2) + _varint(len(content)) + content


def _varint(value: int) -> bytes:
    made = bytearray()
    while value > 0x7F:
        made.append(value & 0x7F | 0x80)
        value >>= 7
    made.append(value)
    return bytes(made)
