"""How a role is named, found and shown."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

from deskhold.cli.output import Column, View, last_segment, moment
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


COLUMNS = (
    Column("display_name", "ROLE"),
    Column("name", "ID", last_segment),
    Column("built_in", "BUILT-IN"),
    Column("description", "DESCRIPTION"),
)
ALLOWS = Column("permissions", "ALLOWS", _allowed)
DELETED = Column("delete_time", "DELETED", moment)
LIST = View(COLUMNS)
WHOLE = View((*COLUMNS, Column("assignable_scopes", "ASSIGNABLE AT"), ALLOWS))


def reference(role: str) -> str:
    """Return a role as the services take it: an id as `roleDefinitions/{id}`, a name as it is."""
    try:
        return f"roleDefinitions/{uuid.UUID(role.removeprefix('roleDefinitions/'))}"
    except ValueError:
        return role


def found(client: Client, name: str, scope: str, *, deleted: bool = False) -> RoleDefinition:
    """Return a role given by its display name or its id.

    Args:
        client: The client.
        name: The role.
        scope: Where the caller may read roles.
        deleted: Look among deleted ones too; one in force comes first.

    Raises:
        NotFound: There is none.
    """
    wanted = reference(name)
    if wanted.startswith("roleDefinitions/") and not deleted:
        return client.get_role_definition(wanted, scope=scope)
    named = [
        one
        for one in client.list_role_definitions(scope=scope, show_deleted=deleted)
        if one.name == wanted or one.display_name.casefold() == name.casefold()
    ]
    for one in sorted(named, key=lambda one: one.HasField("delete_time")):
        return one
    raise NotFound(
        f"there is no role {name!r}; 'deskhold role list' shows those there are",
        reason="ROLE_DEFINITION_NOT_FOUND",
        metadata={"role_definition": name},
    )
