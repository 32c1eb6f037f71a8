"""`deskhold role-assignment`: who holds which role where."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from deskhold import names
from deskhold.cli.flags import ScopeFlags, principal_options, role_option, scope_options
from deskhold.cli.invocation import Invocation, passed
from deskhold.cli.output import Column, View, output_option, record, show, show_all
from deskhold.cli.removal import Removal, removal_options
from deskhold.cli.role_assignment_create import COLUMNS, FROM, NAME, UNTIL, create
from deskhold.cli.role_shape import reference
from deskhold.cli.tree import Group
from deskhold.errors import NotFound
from deskhold.identities import Principal

if TYPE_CHECKING:
    from deskhold.api.rbac.v1.role_assignments_pb2 import RoleAssignment
    from deskhold.client import Client

_VIEW = View((*COLUMNS, NAME))
_LIST = View((*COLUMNS, Column("placement", "HELD"), FROM, UNTIL, NAME))


@click.group(cls=Group, short_help="Who holds which role where.")
def role_assignment() -> None:
    """Who holds which role where; a role counts at its scope and everywhere below."""


role_assignment.add_command(create)


@role_assignment.command("list", example="deskhold role-assignment list --collection eng")
@role_option(required=False, text="Only those of this role.")
@principal_options
@scope_options
@click.option("--through-groups", is_flag=True, help="With a principal: those of its groups, too.")
@output_option()
@passed
def list_(
    invocation: Invocation,
    *,
    role: str,
    principal: Principal | None,
    where: ScopeFlags,
    through_groups: bool,
    output: str,
) -> None:
    """List the role assignments at a scope, those it inherits from above, and those below it.

    Says of each whether it is inherited, held here or below. Without a scope, those of the whole
    deployment.
    """
    if through_groups and principal is None:
        raise click.UsageError("--through-groups needs --user, --service-principal or --group.")
    scope = where.or_deployment()
    found = invocation.client.list_role_assignments(
        scope, principal=principal, role=reference(role), through_groups=through_groups
    )
    rows = (record(one, **_placed(scope, one.scope)) for one in found)
    show_all(rows, _LIST, output)


@role_assignment.command(
    example="deskhold role-assignment remove --role 'RDS Reader' --user bob@contoso.com --tenant hr"
)
@click.argument("name", required=False)
@role_option(required=False, text="Display name or id of the role.")
@principal_options
@scope_options
@removal_options("Do not ask.")
@output_option()
@passed
def remove(
    invocation: Invocation,
    *,
    name: str | None,
    role: str,
    principal: Principal | None,
    where: ScopeFlags,
    removal: Removal,
    output: str,
) -> None:
    """Take a role away, given by NAME, or by role, principal and scope; prints what it was.

    A role that is inherited from above can only be taken away there.
    """
    client = invocation.client
    if name and not (role or principal or where.is_given):
        before = client.get_role_assignment(name)
    elif role and principal and not name:
        before = _the_one(client, where.required(), principal, role)
    else:
        raise click.UsageError("give NAME, or --role, a principal and a scope.")

    def attempt(validate_only: bool) -> None:
        client.delete_role_assignment(before.name, validate_only=validate_only)

    held = f"{before.role_display_name} of {before.principal.id} at {before.scope}"
    removal.run(attempt, lambda _: f"Take away {held}?")
    invocation.say(f"{removal.verb('take away', 'took away')} {held}")
    show(record(before), _VIEW, output)


def _the_one(client: Client, scope: str, principal: Principal, role: str) -> RoleAssignment:
    elsewhere = []
    for one in client.list_role_assignments(scope, principal=principal, role=reference(role)):
        if one.scope == scope:
            return one
        elsewhere.append(one.scope)
    above = [other for other in elsewhere if names.contains(other, scope)]
    hint = f"; it is inherited from {above[0]}, take it away there" if above else ""
    raise NotFound(
        f"{principal} does not hold {role} at {scope}{hint}",
        reason="ROLE_ASSIGNMENT_NOT_FOUND",
        metadata={"principal": str(principal), "role_definition": role, "scope": scope},
    )


def _placed(scope: str, held_at: str) -> dict[str, object]:
    inherited = not names.contains(scope, held_at)
    below = "here" if held_at == scope else "below"
    return {"inherited": inherited, "placement": "inherited" if inherited else below}
