"""`deskhold whoami` and `can-i`: who is calling, and what they may do."""

from __future__ import annotations

import click

from deskhold.cli import exits
from deskhold.cli.flags import ScopeFlags, scope_options
from deskhold.cli.invocation import Invocation, passed
from deskhold.cli.output import Column, View, moment, output_option, record, show, without
from deskhold.cli.tree import Command
from deskhold.identities import Principal, PrincipalKind

_WHOAMI = View(
    (
        Column("principal.id", "PRINCIPAL"),
        Column("principal.kind", "KIND", without("PRINCIPAL_KIND_")),
        Column("principal.directory", "DIRECTORY"),
        Column("group_ids", "GROUPS"),
        Column("expire_time", "EXPIRES", moment),
    ),
    name="principal.id",
)
_CAN_I = View(
    (
        Column("allowed", "ALLOWED"),
        Column("action", "ACTION"),
        Column("scope", "SCOPE"),
        Column("role_assignment", "DECIDED BY"),
        Column("decision_id", "DECISION"),
        Column("revision", "REVISION"),
    ),
    name="role_assignment",
)


@click.command(cls=Command, example="deskhold whoami -o json")
@output_option()
@passed
def whoami(invocation: Invocation, *, output: str) -> None:
    """Say who the services take you for, and until when."""
    show(record(invocation.client.who_am_i()), _WHOAMI, output)


@click.command(
    "can-i",
    cls=Command,
    short_help="Say whether you may do something somewhere.",
    example="deskhold can-i deskhold.resources/hosts/write --collection eng",
)
@click.argument("action")
@scope_options
@click.option("--user", metavar="U", help="Ask about this user; you when not given.")
@output_option()
@passed
def can_i(
    invocation: Invocation, *, action: str, where: ScopeFlags, user: str | None, output: str
) -> None:
    """Say whether you may do ACTION there, and by which role assignment.

    Without a scope it asks for the whole deployment. The exit code is 0 for yes and 4 for no.
    """
    scope = where.or_deployment()
    principal = Principal(PrincipalKind.USER, user) if user else None
    answer = invocation.client.check_access(action, scope, principal=principal)
    allowed = record(answer)["decision"] == "DECISION_ALLOW"
    if output == "table":
        click.echo(f"yes, by {answer.role_assignment}" if allowed else "no")
    else:
        show(record(answer, allowed=allowed, action=action, scope=scope), _CAN_I, output)
    if not allowed:
        click.get_current_context().exit(exits.DENIED)
