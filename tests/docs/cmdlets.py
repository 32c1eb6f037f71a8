"""docs/cmdlets.md as values: its sections, beside the RPCs and commands that there are."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

import click

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
from deskhold.api.rbac.v1 import (
    access_pb2,
    audit_pb2,
    groups_pb2,
    policies_pb2,
    principals_pb2,
    role_assignments_pb2,
    role_definitions_pb2,
    scopes_pb2,
    watch_pb2,
)
from deskhold.cli import main
from tests.docs.tables import ROOT, table

DOCUMENT = "docs/cmdlets.md"
TEXT = (ROOT / DOCUMENT).read_text("utf-8")
FILES: tuple[Any, ...] = (
    access_pb2,
    app_groups_pb2,
    agents_pb2,
    assignments_pb2,
    audit_pb2,
    collections_pb2,
    diagnostics_pb2,
    groups_pb2,
    hosts_pb2,
    policies_pb2,
    principals_pb2,
    registration_pb2,
    role_assignments_pb2,
    role_definitions_pb2,
    scopes_pb2,
    sessions_pb2,
    watch_pb2,
)
RPCS = {
    f"{service.name}.{method.name}": method
    for file in FILES
    for service in file.DESCRIPTOR.services_by_name.values()
    for method in service.methods
}


@dataclass(frozen=True)
class Cmdlet:
    """A section: what the cmdlet is called here, and its parameters."""

    name: str
    rpc: str
    command: str
    rows: tuple[dict[str, str], ...]


def cmdlets() -> Iterator[Cmdlet]:
    named = re.findall(r"### `([\w-]+)`\n\n`(\w+\.\w+)`, `deskhold ([\w -]+)`\n", TEXT)
    for name, rpc, command in named:
        yield Cmdlet(name, rpc, command, table(DOCUMENT, f"`{name}`").rows)


@cache
def commands() -> dict[str, click.Command]:
    """Return every command by its words."""
    found: dict[str, click.Command] = {}

    def walk(group: click.Group, words: tuple[str, ...]) -> None:
        for name, command in group.commands.items():
            if isinstance(command, click.Group):
                walk(command, (*words, name))
            else:
                found[" ".join((*words, name))] = command

    walk(main, ())
    return found


def fields_of(rpc: str) -> set[str]:
    """Return `Message.field` of a request and of the messages in it."""
    found: set[str] = set()

    def walk(message: Any) -> None:
        for field in message.fields:
            name = f"{message.name}.{field.name}"
            if name not in found:
                found.add(name)
                if field.message_type is not None:
                    walk(field.message_type)

    walk(RPCS[rpc].input_type)
    return found
