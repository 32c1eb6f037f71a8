"""Role definitions in files: our own form and Azure's, YAML or JSON, one role or a list of them.

Keys are compared without case and underscores, so `not_actions`, `notActions` and `NotActions` are
one. A role is called by `display_name`, `roleName` or `Name`; what it allows stands in
`permissions`, or as `Actions` and `NotActions` beside its name. In Azure, actions on data are
apart; here they are actions like any other, and become a block of their own.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import click

_Block = tuple[tuple[str, ...], tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class RoleFile:
    """One role as a file says it.

    Attributes:
        display_name: What people call it.
        description: What it is for; None when the file does not say.
        permissions: Its blocks, each its actions and what is left out of them.
        assignable_scopes: Where it may be assigned; None when the file does not say.
        id: Its UUID; empty when the file does not say.
    """

    display_name: str
    description: str | None
    permissions: tuple[_Block, ...]
    assignable_scopes: tuple[str, ...] | None
    id: str = ""


def parse(text: str, file: str) -> list[RoleFile]:
    """Return the roles of a file.

    Raises:
        ClickException: It is no YAML or JSON, or holds no role; says which and what is missing.
    """
    content = load(text, file)
    if isinstance(content, dict) and isinstance(content.get("value"), list):
        content = content["value"]  # what Azure's REST API answers
    entries = content if isinstance(content, list) else [content]
    if not entries:
        raise click.ClickException(f"{file} holds no role.")
    return [_role(entry, f"{file}, role {number}") for number, entry in enumerate(entries, 1)]


def load(text: str, file: str) -> Any:
    """Return what a YAML or JSON file holds.

    Raises:
        ClickException: It is neither.
    """
    import yaml

    try:
        # Not everything that is JSON is YAML: tabs are not.
        if text.lstrip()[:1] in ("{", "["):
            return json.loads(text)
        # The one in C, where there is one, reads a large file ten times faster.
        loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
        return yaml.load(text, Loader=loader)  # noqa: S506  # both are the safe one
    except (json.JSONDecodeError, yaml.YAMLError) as error:
        raise click.ClickException(f"{file} is neither YAML nor JSON: {error}") from error


def _role(entry: Any, place: str) -> RoleFile:
    if not isinstance(entry, dict):
        raise click.ClickException(f"{place}: {entry!r} is no role; give its name and actions.")
    role = _folded(entry)
    role |= _folded(role.pop("properties", None) or {})
    role_id = _uuid(role.get("name")) or _uuid(role.get("id"))
    name = role.get("displayname") or role.get("rolename") or role.get("name")
    if not isinstance(name, str) or _uuid(name):
        raise click.ClickException(f"{place} has no name; give it as 'display_name'.")
    blocks = tuple(_blocks(role, place))
    if not blocks:
        raise click.ClickException(f"{place} ({name}) allows nothing; give it 'actions'.")
    scopes = role.get("assignablescopes")
    description = role.get("description")
    return RoleFile(
        display_name=name,
        description=None if description is None else str(description),
        permissions=blocks,
        assignable_scopes=None if scopes is None else _texts(role, "assignablescopes", place),
        id=role_id,
    )


def _blocks(role: dict[str, Any], place: str) -> Iterator[_Block]:
    blocks = role.get("permissions") or []
    if not isinstance(blocks, list) or not all(isinstance(one, dict) for one in blocks):
        raise click.ClickException(f"{place}: 'permissions' is no list of actions and not_actions.")
    for block in (role, *map(_folded, blocks)):
        for kind in ("", "data"):
            actions = _texts(block, f"{kind}actions", place)
            if actions:
                yield actions, _texts(block, f"not{kind}actions", place)


def _texts(block: dict[str, Any], key: str, place: str) -> tuple[str, ...]:
    texts = block.get(key) or []
    if not isinstance(texts, list) or not all(isinstance(one, str) for one in texts):
        raise click.ClickException(f"{place}: {key!r} is no list of texts.")
    return tuple(texts)


def _folded(entry: dict[str, Any]) -> dict[str, Any]:
    return {str(key).lower().replace("_", ""): value for key, value in entry.items()}


def _uuid(text: Any) -> str:
    try:
        return str(uuid.UUID(str(text).rpartition("/")[2]))
    except ValueError:
        return ""
