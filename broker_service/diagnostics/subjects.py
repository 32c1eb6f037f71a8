"""What a request is about: read from its fields, whatever its method."""

from __future__ import annotations

from collections.abc import Callable
from operator import attrgetter
from typing import Any

from google.protobuf.message import Message

# Requests are recorded before they are validated, and wait in memory.
_MAX_NAME = 1025
_MAX_USER = 256
_MAX_ID = 63

Subject = tuple[str, str, str]


def subject_of(request_type: type[Message]) -> Callable[[Any], Subject]:
    """Return what reads (resource name, user, host id) from requests of a type.

    What a type has no field for is empty. Texts are cut; a name that was too long stays no name.
    """
    name = _name_of(request_type.DESCRIPTOR)
    fields = request_type.DESCRIPTOR.fields_by_name
    user = _text(attrgetter("user"), _MAX_USER) if "user" in fields else _nothing
    host = _text(attrgetter("host_id"), _MAX_ID) if "host_id" in fields else _nothing

    def read(request: Any) -> Subject:
        return name(request), user(request), host(request)

    return read


def arrived(subject: Subject, reply: Any) -> Subject:
    """Return what a connection was about, once it is answered: its answer knows user and host."""
    name, _, __ = subject
    return name, reply.user, reply.host.rpartition("/")[2]


def _name_of(descriptor: Any) -> Callable[[Any], str]:
    fields = descriptor.fields_by_name
    if "name" in fields:
        return _text(attrgetter("name"), _MAX_NAME)
    if "parent" in fields and "collection_id" in fields:
        return lambda request: f"{request.parent[:_MAX_NAME]}/collections/{request.collection_id}"[
            :_MAX_NAME
        ]
    if "parent" in fields:
        return _text(attrgetter("parent"), _MAX_NAME)
    if "scope" in fields:
        return lambda request: str(request.scope[1:_MAX_NAME])
    for field in descriptor.fields:
        if _holds_a_name(field):
            return _text(attrgetter(f"{field.name}.name"), _MAX_NAME)
    return _nothing


def _holds_a_name(field: Any) -> bool:
    return bool(
        field.message_type is not None
        and not field.is_repeated
        and "name" in field.message_type.fields_by_name
    )


def _text(get: Callable[[Any], Any], longest: int) -> Callable[[Any], str]:
    def read(request: Any) -> str:
        text: str = get(request)
        return text if len(text) <= longest else text[:longest]

    return read


def _nothing(_: Any) -> str:
    return ""
