"""`deskhold role create`, `update`, `delete` and `undelete`: custom roles."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import wraps
from typing import TYPE_CHECKING, Any, TextIO

import click

from deskhold.cli.flags import ScopeFlags, scope_options
from deskhold.cli.invocation import Invocation, passed
from deskhold.cli.output import Record, output_option, record, show, show_all
from deskhold.cli.removal import Removal, removal_options
from deskhold.cli.role_files import RoleFile, parse
from deskhold.cli.role_shape import LIST, WHOLE, found
from deskhold.cli.tree import Command
from deskhold.errors import DeskholdError

if TYPE_CHECKING:
    from deskhold.api.rbac.v1.role_definitions_pb2 import Permission, RoleDefinition


@dataclass(frozen=True, slots=True)
class _Content:
    """The content of a role, as the flags say it."""

    name: str | None
    description: str | None
    actions: tuple[str, ...]
    not_actions: tuple[str, ...]
    assignable: tuple[str, ...]
    file: TextIO | None

    @property
    def roles(self) -> list[RoleFile]:
        """The roles of the file; `--assignable` counts for all of them."""
        if self.file is None:
            return []
        roles = parse(self.file.read(), self.file.name)
        return [
            replace(one, assignable_scopes=self.assignable) if self.assignable else one
            for one in roles
        ]


def _content_options(function: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(function)
    def packed(*args: Any, **kwargs: Any) -> Any:
        fields = ("name", "description", "actions", "not_actions", "assignable", "file")
        given = {field: kwargs.pop(field) for field in fields}
        content = _Content(**given)
        beside = (content.name, content.description, content.actions, content.not_actions)
        if content.file is not None and any(one for one in beside):
            raise click.UsageError("--file goes without --name, --description and actions.")
        return function(*args, content=content, **kwargs)

    options = (
        click.option("--name", metavar="N", help="What people call it."),
        click.option("--description", metavar="TEXT", help="What it is for."),
        click.option(
            "--action",
            "actions",
            metavar="A",
            multiple=True,
            help="An action it allows; * stands for any run of characters; may be repeated.",
        ),
        click.option(
            "--not-action",
            "not_actions",
            metavar="A",
            multiple=True,
            help="Leave this out of the actions; may be repeated.",
        ),
        click.option(
            "--assignable",
            metavar="SCOPE",
            multiple=True,
            help="Where it may be assigned, and below; may be repeated.",
        ),
        click.option(
            "--file", type=click.File("r"), help="YAML or JSON, ours or Azure's; - is stdin."
        ),
    )
    for option in reversed(options):
        packed = option(packed)
    return packed


@click.command(
    cls=Command,
    example="deskhold role create --name 'Host Keeper' --action 'deskhold.resources/hosts/*'"
    " --not-action '*/delete' --assignable /tenantGroups/default",
)
@_content_options
@click.option("--validate-only", is_flag=True, help="Change nothing, say what would be there.")
@output_option()
@passed
def create(invocation: Invocation, *, content: _Content, validate_only: bool, output: str) -> None:
    """Create a custom role, or with --file all roles of a file.

    A file holds a role or a list of them, in YAML or JSON: our own form (display_name, description,
    permissions with actions and not_actions, assignable_scopes) or Azure's. With it, --assignable
    replaces the scopes of the file. When a role of a file is refused, those before it are made.
    """
    roles = content.roles
    if not roles:
        if not (content.name and content.actions and content.assignable):
            raise click.UsageError("give --name, --action and --assignable, or --file.")
        blocks = ((content.actions, content.not_actions),)
        roles = [RoleFile(content.name, content.description, blocks, content.assignable)]
    made: list[Record] = []
    try:
        for one in roles:
            made.append(record(_created(invocation, one, validate_only)))
    except DeskholdError as error:
        if len(roles) > 1:
            error.message = f"{one.display_name}: {error.message}"
        raise
    finally:
        if len(roles) == 1 and made:
            show(made[0], WHOLE, output)
        elif made:
            show_all(made, LIST, output)


def _created(invocation: Invocation, one: RoleFile, validate_only: bool) -> RoleDefinition:
    made = invocation.client.create_role_definition(
        one.display_name,
        _permissions(one),
        one.assignable_scopes or (),
        description=one.description or "",
        role_definition_id=one.id,
        validate_only=validate_only,
    )
    invocation.say(f"{'would create' if validate_only else 'created'} role {made.display_name}")
    return made


@click.command(
    cls=Command,
    example="deskhold role update 'Host Keeper' --description 'Looks after hosts.'",
)
@click.argument("role_name", metavar="NAME")
@_content_options
@click.option("--validate-only", is_flag=True, help="Change nothing, say what would be there.")
@scope_options
@output_option()
@passed
def update(
    invocation: Invocation,
    *,
    role_name: str,
    content: _Content,
    validate_only: bool,
    where: ScopeFlags,
    output: str,
) -> None:
    """Change what is given of the custom role NAME; the rest stays.

    Actions replace those there were; a role of several blocks is changed with --file. The scope
    says where you may change roles; the whole deployment when it is not given.
    """
    scope = where.or_deployment()
    before = found(invocation.client, role_name, scope)
    name, description = content.name, content.description
    permissions, assignable = _new_block(content, before), content.assignable or None
    if content.file is not None:
        one, *more = content.roles
        if more:
            raise click.UsageError("the file holds several roles; give one with one.")
        if one.id and before.name.rpartition("/")[2].lower() != one.id:
            raise click.UsageError(
                f"the file is of role {one.id}, but {role_name} is {before.name};"
                " name the other role, or take the id out of the file."
            )
        name, description = one.display_name, one.description
        permissions, assignable = _permissions(one), one.assignable_scopes
    if all(one is None for one in (name, description, permissions, assignable)):
        raise click.UsageError("say what to change; see --help.")
    made = invocation.client.update_role_definition(
        before.name,
        display_name=name,
        description=description,
        permissions=permissions,
        assignable_scopes=assignable,
        etag=before.etag,
        scope=scope,
        validate_only=validate_only,
    )
    invocation.say(f"{'would change' if validate_only else 'changed'} role {made.display_name}")
    show(record(made), WHOLE, output)


@click.command(cls=Command, example="deskhold role delete 'Host Keeper' --what-if")
@click.argument("name")
@scope_options
@removal_options("Delete it even when it was changed meanwhile, and do not ask.")
@output_option()
@passed
def delete(
    invocation: Invocation, *, name: str, where: ScopeFlags, removal: Removal, output: str
) -> None:
    """Delete the custom role NAME, which nobody may hold; it can be undeleted.

    Prints what it was.
    """
    client, scope = invocation.client, where.or_deployment()
    before = found(client, name, scope)

    def attempt(validate_only: bool) -> RoleDefinition:
        etag = "" if removal.force else before.etag
        return client.delete_role_definition(
            before.name, etag=etag, scope=scope, validate_only=validate_only
        )

    gone = removal.run(attempt, lambda _: f"Delete role {before.display_name}?")
    invocation.say(f"{removal.verb('delete', 'deleted')} role {before.display_name}")
    show(record(gone), WHOLE, output)


@click.command(cls=Command, example="deskhold role undelete 'Host Keeper'")
@click.argument("name")
@scope_options
@output_option()
@passed
def undelete(invocation: Invocation, *, name: str, where: ScopeFlags, output: str) -> None:
    """Bring the deleted role NAME back as it was."""
    client, scope = invocation.client, where.or_deployment()
    gone = found(client, name, scope, deleted=True)
    made = client.undelete_role_definition(gone.name, scope=scope)
    invocation.say(f"role {made.display_name} is back")
    show(record(made), WHOLE, output)


def _new_block(content: _Content, before: RoleDefinition) -> list[Permission] | None:
    from deskhold.api.rbac.v1.role_definitions_pb2 import Permission

    if not (content.actions or content.not_actions):
        return None
    if len(before.permissions) > 1:
        raise click.UsageError("the role has several blocks of actions; change it with --file.")
    old = before.permissions[0] if before.permissions else Permission()
    return [
        Permission(
            actions=content.actions or old.actions,
            not_actions=content.not_actions or old.not_actions,
        )
    ]


def _permissions(one: RoleFile) -> list[Permission]:
    from deskhold.api.rbac.v1.role_definitions_pb2 import Permission

    return [
        Permission(actions=actions, not_actions=not_actions)
        for actions, not_actions in one.permissions
    ]
