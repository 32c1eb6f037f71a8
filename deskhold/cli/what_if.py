"""`deskhold what-if`: the answers as they would be after a change."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from deskhold.cli.flags import ScopeFlags, principal_options, scope_options
from deskhold.cli.invocation import Invocation, passed
from deskhold.cli.output import Column, View, output_option, record, show_all, without
from deskhold.cli.role_shape import reference
from deskhold.cli.tree import Command
from deskhold.identities import Principal

if TYPE_CHECKING:
    from deskhold.api.rbac.v1.access_pb2 import HypotheticalChange

_DECISION = without("DECISION_")
_VIEW = View(
    (
        Column("action", "ACTION"),
        Column("scope", "SCOPE"),
        Column("before", "BEFORE", _DECISION),
        Column("after", "AFTER", _DECISION),
    ),
    name="action",
)


@click.command(
    "what-if",
    cls=Command,
    short_help="Say what a change would allow, without making it.",
    example="deskhold what-if --assign 'RDS Reader' --user bob@contoso.com --tenant hr"
    " --action deskhold.resources/hosts/read",
)
@click.option("--assign", metavar="R", multiple=True, help="As if this role were assigned there.")
@click.option("--remove", metavar="NAME", multiple=True, help="Without this role assignment.")
@click.option("--join", metavar="GROUP", multiple=True, help="As if in this group.")
@click.option("--leave", metavar="GROUP", multiple=True, help="As if not in this group.")
@click.option(
    "--action", "actions", metavar="A", multiple=True, required=True, help="The action to ask for."
)
@principal_options
@scope_options
@output_option()
@passed
def what_if(
    invocation: Invocation,
    *,
    assign: tuple[str, ...],
    remove: tuple[str, ...],
    join: tuple[str, ...],
    leave: tuple[str, ...],
    actions: tuple[str, ...],
    principal: Principal | None,
    where: ScopeFlags,
    output: str,
) -> None:
    """Say what a principal may do there now, and what after a change; changes nothing.

    The options of changes and --action may be repeated. Without a scope, in the whole deployment.
    """
    from deskhold.client.rbac.access import question

    if principal is None:
        raise click.UsageError("say who: --user, --service-principal or --group.")
    if not (assign or remove or join or leave):
        raise click.UsageError("say what would change: --assign, --remove, --join or --leave.")
    scope = where.or_deployment()
    changes = [
        *_assigned(scope, principal, assign),
        *_removed(remove),
        *_moved(principal, join, leave),
    ]
    answers = invocation.client.what_if(
        changes, [question(action, scope, principal=principal) for action in actions]
    ).answers
    rows = (
        record(answer, action=action, scope=scope)
        for action, answer in zip(actions, answers, strict=True)
    )
    show_all(rows, _VIEW, output)


def _assigned(
    scope: str, principal: Principal, roles: tuple[str, ...]
) -> Iterator[HypotheticalChange]:
    from deskhold.api.rbac.v1.access_pb2 import HypotheticalAssignment, HypotheticalChange
    from deskhold.client.rbac.principals import message

    for role in roles:
        assignment = HypotheticalAssignment(
            scope=scope, principal=message(principal), role_definition=reference(role)
        )
        yield HypotheticalChange(assign=assignment)


def _removed(role_assignments: tuple[str, ...]) -> Iterator[HypotheticalChange]:
    from deskhold.api.rbac.v1.access_pb2 import HypotheticalChange

    for name in role_assignments:
        yield HypotheticalChange(remove_role_assignment=name)


def _moved(
    principal: Principal, join: tuple[str, ...], leave: tuple[str, ...]
) -> Iterator[HypotheticalChange]:
    from deskhold.api.rbac.v1.access_pb2 import HypotheticalChange, HypotheticalMember
    from deskhold.cli.group import full_name
    from deskhold.client.rbac.principals import message

    member = message(principal)
    for group in join:
        yield HypotheticalChange(
            add_member=HypotheticalMember(group=full_name(group), member=member)
        )
    for group in leave:
        yield HypotheticalChange(
            remove_member=HypotheticalMember(group=full_name(group), member=member)
        )
