"""From bytes to a message: bounded before it is known who calls, decoded afterwards.

gRPC would decode every request before any layer sees it, so that a few megabytes of a stranger
cost a hundred times as much memory and seconds of the event loop. Instead the layers take bytes.
`bounds` refuses what is larger than its method takes; `layer`, behind authn, decodes. The protobuf
library holds Python's lock while it decodes, so a thread would not help: what is large is decoded
slice by slice, with a turn of the event loop for others in between.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from google.protobuf.message import DecodeError, Message

from deskhold.chassis.calls import Call, Handler, Layer, Method
from deskhold.chassis.values import check_values
from deskhold.errors import InvalidArgument

DEFAULT_MAX_BYTES: Final = 64 * 1024
# About 10 ms of the event loop at the worst, which is messages of two bytes each.
_SLICE_BYTES: Final = 64 * 1024
# The largest request that keeps every rule is a policy with 100,000 role assignments and as many
# members of groups. Each field costs memory, however short it is.
_MAX_FIELDS: Final = 250_000

_VARINT, _FIXED64, _LENGTH, _FIXED32 = 0, 1, 2, 5


def refuse_strays(limits: Mapping[str, int], methods: Iterable[str]) -> None:
    """Check that limits are for methods that are served.

    Raises:
        RuntimeError: One is not.
    """
    strays = sorted(set(limits) - set(methods))
    if strays:
        raise RuntimeError(f"limits are set for unknown methods {strays}")


def bounds(limits: Mapping[str, int]) -> Layer:
    """Return the layer that refuses a request with more bytes than its method takes.

    Args:
        limits: The most bytes, by `Service/Method`; `DEFAULT_MAX_BYTES` for all others.
    """

    def wrap(method: Method, handler: Handler) -> Handler:
        limit = limits.get(method.name, DEFAULT_MAX_BYTES)

        async def bounded(request: Message, call: Call) -> Message:
            size = len(call.body)
            if size > limit:
                raise InvalidArgument(
                    f"the request has {size} bytes and {method.name} takes at most {limit};"
                    " send it in parts",
                    reason="REQUEST_TOO_LARGE",
                    metadata={"bytes": str(size), "limit": str(limit)},
                )
            return await handler(request, call)

        return bounded

    return wrap


def layer(method: Method, handler: Handler) -> Handler:
    """Fill the request of a call from its bytes, and refuse values that no message may hold."""
    # One at a time: what many callers send at once then needs the memory of one.
    large = asyncio.Lock()

    async def decoded(request: Message, call: Call) -> Message:
        body, call.body = call.body, b""
        try:
            if len(body) <= _SLICE_BYTES:
                decode(request, body)
            else:
                async with large:
                    for message, part in slices(request, memoryview(body)):
                        decode(message, part)
                        await asyncio.sleep(0)
        except DecodeError:
            name = method.request_type.DESCRIPTOR.full_name
            raise InvalidArgument(
                f"the request is no {name}; send what a generated stub serializes",
                reason="REQUEST_MALFORMED",
                metadata={"message": name},
            ) from None
        check_values(request, has_zero_bytes=0 in body)
        return await handler(request, call)

    return decoded


def decode(message: Message, part: bytes | memoryview) -> None:
    """Add what a part of the serialized form says to a message.

    Raises:
        DecodeError: It is no such part.
    """
    message.MergeFromString(bytes(part))


def slices(
    message: Message, data: memoryview, budget: list[int] | None = None
) -> Iterator[tuple[Message, memoryview]]:
    """Cut the serialized form of a message where one field ends and the next begins.

    A protobuf message is the sum of its parts: merging them in their order gives the same as
    decoding it whole (https://protobuf.dev/programming-guides/encoding/#last-one-wins). A field
    that is a large message itself is cut likewise.

    Args:
        message: What it is decoded into; messages within are made on the way.
        data: The serialized form.
        budget: How many fields may still come, in all parts together.

    Yields:
        A message and the part of the form that is to be merged into it.

    Raises:
        DecodeError: It is cut off, or uses the wire types of proto1.
        InvalidArgument: It has too many fields.
    """
    budget = [_MAX_FIELDS] if budget is None else budget
    begin = position = 0
    while position < len(data):
        number, content, end = _next_field(data, position)
        budget[0] -= 1
        if budget[0] < 0:
            raise InvalidArgument(
                f"the request has more than {_MAX_FIELDS} fields; send it in parts",
                reason="REQUEST_TOO_LARGE",
                metadata={"limit": str(_MAX_FIELDS)},
            )
        inner = _message_field(message, number) if end - position > _SLICE_BYTES else None
        if inner is not None:
            if begin < position:
                yield message, data[begin:position]
            yield from slices(_made(message, inner), data[content:end], budget)
            begin = end
        elif end - begin > _SLICE_BYTES:
            yield message, data[begin:end]
            begin = end
        position = end
    if begin < len(data):
        yield message, data[begin:]


def _next_field(data: memoryview, position: int) -> tuple[int, int, int]:
    """Return the number of the field at a position, where its content begins, and where it ends."""
    tag, content = _varint(data, position)
    kind = tag & 7
    if kind == _VARINT:
        _, end = _varint(data, content)
    elif kind == _FIXED64:
        end = content + 8
    elif kind == _FIXED32:
        end = content + 4
    elif kind == _LENGTH:
        size, content = _varint(data, content)
        end = content + size
    else:
        raise DecodeError(f"wire type {kind}")
    if end > len(data):
        raise DecodeError("cut off")
    return tag >> 3, content, end


def _varint(data: memoryview, position: int) -> tuple[int, int]:
    value = shift = 0
    while position < len(data) and shift < 64:
        byte = data[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, position
        shift += 7
    raise DecodeError("cut off")


def _message_field(message: Message, number: int) -> Any:
    field: Any = message.DESCRIPTOR.fields_by_number.get(number)
    if field is None or field.message_type is None or field.message_type.GetOptions().map_entry:
        return None
    return field


def _made(message: Message, field: Any) -> Message:
    """Return the message of a field, present from now on; of a repeated one the next."""
    value: Any = getattr(message, field.name)
    if field.is_repeated:
        return value.add()  # type: ignore[no-any-return]
    value.SetInParent()
    return value  # type: ignore[no-any-return]
