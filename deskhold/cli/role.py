"""`deskhold role`: what the roles allow."""

from __future__ import annotations

import click

from deskhold.cli.flags import ScopeFlags, scope_options
from deskhold.cli.invocation import Invocation, passed
from deskhold.cli.output import (
    Column,
    View,
    moment,
    output_option,
    record,
    show,
    show_all,
    without,
)
from deskhold.cli.role_change import create, delete, undelete, update
from deskhold.cli.role_shape import ALLOWS, COLUMNS, DELETED, LIST, WHOLE, found
from deskhold.cli.tree import Group

_LIST_DELETED = View((*COLUMNS, DELETED))
_VERSIONS = View(
    (
        Column("version", "VERSION"),
        Column("update_time", "SINCE", moment),
        Column("display_name", "ROLE"),
        Column("assignable_scopes", "ASSIGNABLE AT"),
        ALLOWS,
        DELETED,
    ),
    name="version",
)
_ACTIONS = View(
    (
        Column("name", "ACTION"),
        Column("explicit_only", "NOT BY WILDCARD"),
        Column("description", "DESCRIPTION"),
    )
)
_FINDINGS = View(
    (
        Column("kind", "FINDING", without("LINT_KIND_")),
        Column("message", "WHAT"),
        Column("subject", "SUBJECT"),
    ),
    name="subject",
)


@click.group(cls=Group)
def role() -> None:
    """What the roles allow."""


@role.command("list", example="deskhold role list --tenant hr")
@click.option("--deleted", is_flag=True, help="Those that are deleted, too.")
@scope_options
@output_option()
@passed
def list_(invocation: Invocation, *, deleted: bool, where: ScopeFlags, output: str) -> None:
    """List the roles that can be assigned at a scope; without one, in the whole deployment."""
    found = invocation.client.list_role_definitions(
        scope=where.or_deployment(), show_deleted=deleted
    )
    show_all(map(record, found), _LIST_DELETED if deleted else LIST, output)


@role.command("show", example="deskhold role show 'RDS Operator'")
@click.argument("name")
@scope_options
@output_option()
@passed
def show_(invocation: Invocation, *, name: str, where: ScopeFlags, output: str) -> None:
    """Show the role NAME, given by its display name or its id.

    The scope says where you may read roles; the whole deployment when it is not given.
    """
    show(record(found(invocation.client, name, where.or_deployment())), WHOLE, output)


for _command in (create, update, delete, undelete):
    role.add_command(_command)


@role.command(example="deskhold role versions 'Host Keeper' -o yaml")
@click.argument("name")
@scope_options
@output_option()
@passed
def versions(invocation: Invocation, *, name: str, where: ScopeFlags, output: str) -> None:
    """List what the custom role NAME is and was, newest first."""
    client, scope = invocation.client, where.or_deployment()
    one = found(client, name, scope, deleted=True)
    show_all(
        map(record, client.list_role_definition_versions(one.name, scope=scope)), _VERSIONS, output
    )


@role.command(example="deskhold role actions -o name")
@output_option()
@passed
def actions(invocation: Invocation, *, output: str) -> None:
    """List the actions that the services declare, for building roles; others work too."""
    show_all(map(record, invocation.client.list_actions().actions), _ACTIONS, output)


@role.command(example="deskhold role grantable --collection eng")
@scope_options
@output_option()
@passed
def grantable(invocation: Invocation, *, where: ScopeFlags, output: str) -> None:
    """List the roles that you may assign at a scope; without one, in the whole deployment."""
    answer = invocation.client.list_grantable_roles(where.or_deployment())
    show_all(map(record, answer.role_definitions), LIST, output)


@role.command(example="deskhold role lint")
@output_option()
@passed
def lint(invocation: Invocation, *, output: str) -> None:
    """List what is legal in roles and role assignments but probably not meant."""
    show_all(map(record, invocation.client.lint_policy().findings), _FINDINGS, output)
