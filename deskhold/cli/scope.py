"""`deskhold scope`: the tree of tenant groups, tenants and what lies below them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from deskhold.cli.flags import ScopeFlags, scope_options
from deskhold.cli.invocation import Invocation, passed
from deskhold.cli.output import (
    Column,
    Record,
    View,
    moment,
    output_option,
    record,
    show,
    show_all,
    without,
)
from deskhold.cli.removal import Removal, removal_options
from deskhold.cli.tree import Group
from deskhold.errors import PermissionDenied

if TYPE_CHECKING:
    from deskhold.client import Client

_VIEW = View(
    (
        Column("name", "SCOPE"),
        Column("kind", "KIND", without("SCOPE_KIND_")),
        Column("display_name", "DISPLAY NAME"),
        Column("create_time", "CREATED", moment),
    )
)


@click.group(cls=Group, short_help="The tree of tenants, collections and app groups.")
def scope() -> None:
    """The tree of tenant groups, tenants, collections and app groups."""


@scope.command(example="deskhold scope create --tenant-group contoso --tenant hr")
@scope_options
@click.option("--display-name", metavar="TEXT", default="", help="What people see.")
@output_option()
@passed
def create(invocation: Invocation, *, where: ScopeFlags, display_name: str, output: str) -> None:
    """Make a tenant group, or a tenant in one. Repeating it changes nothing.

    Collections and app groups are made by their own commands.
    """
    made = invocation.client.create_scope(where.required(), display_name=display_name)
    invocation.say(f"{made.name} is there")
    show(record(made), _VIEW, output)


@scope.command("list", example="deskhold scope list --tenant-group contoso")
@scope_options
@output_option()
@passed
def list_(invocation: Invocation, *, where: ScopeFlags, output: str) -> None:
    """List what lies below a scope, at any depth; without one, below the deployment."""
    show_all(map(record, invocation.client.list_scopes(where.or_deployment())), _VIEW, output)


@scope.command(example="deskhold scope delete --tenant-group contoso --tenant hr --what-if")
@scope_options
@removal_options("Delete it even with scopes below it, which go too, and do not ask.")
@output_option()
@passed
def delete(invocation: Invocation, *, where: ScopeFlags, removal: Removal, output: str) -> None:
    """Delete a scope and the role assignments there; prints all scopes that are gone.

    One with scopes below it is only deleted with --force.
    """
    client = invocation.client
    name = where.required()
    gone = _at_and_below(client, name)

    def attempt(validate_only: bool) -> None:
        client.delete_scope(name, force=removal.force, validate_only=validate_only)

    removal.run(attempt, lambda _: f"Delete {name} with all role assignments there?")
    invocation.say(f"{removal.verb('delete', 'deleted')} {name}")
    show_all(gone, _VIEW, output)


def _at_and_below(client: Client, name: str) -> list[Record]:
    try:
        return [record(one) for one in (client.get_scope(name), *client.list_scopes(name))]
    except PermissionDenied:
        # Who may delete a tenant need not be allowed to read the scopes.
        return [{"name": name}]
