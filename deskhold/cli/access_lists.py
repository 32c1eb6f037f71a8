"""`deskhold who-can`, `where-can` and `permissions`: the same question asked of everybody."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import click

from deskhold.cli.flags import ScopeFlags, principal_options, scope_options
from deskhold.cli.invocation import Invocation, passed
from deskhold.cli.output import Column, Record, View, output_option, record, show_all
from deskhold.cli.principals import COLUMNS, words
from deskhold.cli.tree import Command
from deskhold.identities import Principal

_WHO = View(
    (
        *COLUMNS,
        Column("role_display_name", "ROLE"),
        Column("through_groups", "THROUGH", words),
        Column("role_assignment", "ROLE ASSIGNMENT"),
    ),
    name="principal.id",
)
_WHERE = View((Column("scope", "SCOPE"),), name="scope")
_MATRIX = View((*COLUMNS, Column("resource", "RESOURCE"), Column("may", "MAY")))
_ROWS = View(
    (*COLUMNS, Column("actions", "ACTIONS"), Column("role_assignments", "ROLE ASSIGNMENTS")),
    name="principal.id",
)


@click.command(
    "who-can",
    cls=Command,
    short_help="List who may do something somewhere.",
    example="deskhold who-can deskhold.resources/hosts/write --collection eng",
)
@click.argument("action")
@scope_options
@output_option()
@passed
def who_can(invocation: Invocation, *, action: str, where: ScopeFlags, output: str) -> None:
    """List who may do ACTION there, by which role, and through which groups.

    Without a scope, in the whole deployment. A group stands beside its members, because who is in
    it by a token alone is known only to the token.
    """
    found = invocation.client.list_principals_with_access(action, where.or_deployment())
    show_all(map(record, found), _WHO, output)


@click.command(
    "where-can",
    cls=Command,
    short_help="List where you may do something.",
    example="deskhold where-can deskhold.resources/hosts/write --user bob@contoso.com",
)
@click.argument("action")
@principal_options
@scope_options
@output_option()
@passed
def where_can(
    invocation: Invocation,
    *,
    action: str,
    principal: Principal | None,
    where: ScopeFlags,
    output: str,
) -> None:
    """List the scopes where you, or another, may do ACTION, and with it everywhere below them.

    With a scope, only it and what lies below it.
    """
    found = invocation.client.list_accessible_scopes(
        action, principal=principal, scope=where.or_deployment()
    )
    show_all(({"scope": one} for one in found), _WHERE, output)


@click.command(
    cls=Command,
    short_help="List who may do what somewhere.",
    example="deskhold permissions --collection eng --user bob@contoso.com",
)
@principal_options
@scope_options
@output_option()
@passed
def permissions(
    invocation: Invocation, *, principal: Principal | None, where: ScopeFlags, output: str
) -> None:
    """List who may do what there: the matrix of principals and actions.

    Without a scope, in the whole deployment. With a principal, only its row.
    """
    found = invocation.client.list_effective_permissions(where.or_deployment(), principal=principal)
    rows = map(record, found)
    if output == "table":
        show_all(_by_resource(rows), _MATRIX, output)
    else:
        show_all(rows, _ROWS, output)


def _by_resource(rows: Iterable[Record]) -> Iterator[Record]:
    for row in rows:
        verbs: dict[str, list[str]] = {}
        for action in row["actions"]:
            resource, verb = _split(action)
            verbs.setdefault(resource, []).append(verb)
        for resource, may in verbs.items():
            yield row | {"resource": resource, "may": may}


def _split(action: str) -> tuple[str, str]:
    """Return resource and verb: of `deskhold.x/hosts/write` and of `x/groups/connect/action`."""
    resource, _, verb = action.removesuffix("/action").rpartition("/")
    return resource, verb
