"""`deskhold role`: what the roles allow."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

import click

from deskhold.cli.invocation import Invocation, passed
from deskhold.cli.output import (
    Column,
    View,
    last_segment,
    output_option,
    record,
    show,
    show_all,
)
from deskhold.cli.tree import Group
from deskhold.errors import NotFound

if TYPE_CHECKING:
    from deskhold.api.rbac.v1.role_definitions_pb2 import RoleDefinition
    from deskhold.client import Client


def _allowed(blocks: list[dict[str, Any]]) -> str:
    texts = []
    for block in blocks:
        without = f" without {', '.join(block['not_actions'])}" if block["not_actions"] else ""
        texts.append(", ".join(block["actions"]) + without)
    return "; ".join(texts)


_COLUMNS = (
    Column("display_name", "ROLE"),
    Column("name", "ID", last_segment),
    Column("built_in", "BUILT-IN"),
    Column("description", "DESCRIPTION"),
)
_WHOLE = View((*_COLUMNS, Column("permissions", "ALLOWS", _allowed)))


@click.group(cls=Group)
def role() -> None:
    """What the roles allow."""


@role.command("list", example="deskhold role list")
@output_option()
@passed
def list_(invocation: Invocation, *, output: str) -> None:
    """List the roles."""
    show_all(map(record, invocation.client.list_role_definitions()), View(_COLUMNS), output)


@role.command("show", example="deskhold role show 'RDS Operator'")
@click.argument("name")
@output_option()
@passed
def show_(invocation: Invocation, *, name: str, output: str) -> None:
    """Show the role NAME, given by its display name or its id."""
    show(record(_found(invocation.client, name)), _WHOLE, output)


def reference(role: str) -> str:
    """Return a role as the services take it: an id as `roleDefinitions/{id}`, a name as it is."""
    try:
        return f"roleDefinitions/{uuid.UUID(role)}"
    except ValueError:
        return role


def _found(client: Client, name: str) -> RoleDefinition:
    if reference(name).startswith("roleDefinitions/"):
        return client.get_role_definition(reference(name))
    for one in client.list_role_definitions():
        if one.display_name.casefold() == name.casefold():
            return one
    raise NotFound(
        f"there is no role {name!r}; 'deskhold role list' shows those there are",
        reason="ROLE_DEFINITION_NOT_FOUND",
        metadata={"role_definition": name},
    )
