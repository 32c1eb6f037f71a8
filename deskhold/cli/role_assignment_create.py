"""`deskhold role-assignment create`: with a window, and with what may be handed out by it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from datetime import UTC, datetime, timedelta
from functools import wraps
from typing import TYPE_CHECKING, Any

import click

from deskhold.cli import times
from deskhold.cli.flags import ScopeFlags, principal_options, role_option, scope_options
from deskhold.cli.invocation import Invocation, passed
from deskhold.cli.output import Column, View, moment, output_option, record, show, without
from deskhold.cli.role_shape import reference
from deskhold.cli.tree import Command
from deskhold.identities import Principal, PrincipalKind

if TYPE_CHECKING:
    from deskhold.api.rbac.v1.role_assignments_pb2 import Delegation

COLUMNS = (
    Column("role_display_name", "ROLE"),
    Column("principal.kind", "KIND", without("PRINCIPAL_KIND_")),
    Column("principal.id", "PRINCIPAL"),
    Column("scope", "SCOPE"),
)
NAME = Column("name", "NAME")
FROM = Column("start_time", "FROM", moment)
UNTIL = Column("expire_time", "UNTIL", moment)


@dataclass(frozen=True, slots=True)
class _Delegation:
    """What the holder may hand out, as the flags say it."""

    delegate_role: tuple[str, ...]
    delegate_kind: tuple[str, ...]
    delegate_to_user: tuple[str, ...]
    delegate_to_group: tuple[str, ...]
    delegate_for: timedelta | None

    def message(self) -> Delegation | None:
        """Return it as it travels; None when no flag is given."""
        from deskhold.api.rbac.v1.role_assignments_pb2 import Delegation
        from deskhold.client.rbac import principals

        limits = Delegation(
            role_definitions=map(reference, self.delegate_role),
            principal_kinds=[
                principals.kind(PrincipalKind(kind.replace("-", "_")))
                for kind in self.delegate_kind
            ],
            principals=map(principals.message, self._principals()),
        )
        if self.delegate_for is not None:
            limits.max_duration.FromTimedelta(self.delegate_for)
        return limits if any(getattr(self, one.name) for one in fields(self)) else None

    def _principals(self) -> list[Principal]:
        return [
            *(Principal(PrincipalKind.USER, one) for one in self.delegate_to_user),
            *(Principal(PrincipalKind.GROUP, one) for one in self.delegate_to_group),
        ]


def _delegation_options(function: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(function)
    def packed(*args: Any, **kwargs: Any) -> Any:
        given = {one.name: kwargs.pop(one.name) for one in fields(_Delegation)}
        return function(*args, delegation=_Delegation(**given), **kwargs)

    kinds = click.Choice(["user", "group", "service-principal"])
    options = (
        click.option(
            "--delegate-role",
            metavar="R",
            multiple=True,
            help="The holder may hand out this role, and no other; may be repeated.",
        ),
        click.option(
            "--delegate-kind",
            type=kinds,
            multiple=True,
            help="The holder may hand out roles to this kind only; may be repeated.",
        ),
        click.option(
            "--delegate-to-user",
            metavar="U",
            multiple=True,
            help="The holder may hand out roles to this user only; may be repeated.",
        ),
        click.option(
            "--delegate-to-group",
            metavar="G",
            multiple=True,
            help="The holder may hand out roles to this group only; may be repeated.",
        ),
        click.option(
            "--delegate-for",
            type=times.duration,
            help="The holder may hand out roles for so long only.",
        ),
    )
    for option in reversed(options):
        packed = option(packed)
    return packed


@click.command(
    cls=Command,
    example="deskhold role-assignment create --role 'RDS Reader' --user bob@contoso.com --tenant hr"
    " --for 8h",
)
@role_option(required=True, text="Display name or id of the role.")
@principal_options
@scope_options
@click.option("--from", "start", type=times.time, help="When it begins; at once when not given.")
@click.option("--until", type=times.time, help="When it ends; never when not given.")
@click.option("--for", "duration", type=times.duration, help="How long it lasts, as 30m, 8h or 7d.")
@_delegation_options
@output_option()
@passed
def create(
    invocation: Invocation,
    *,
    role: str,
    principal: Principal | None,
    where: ScopeFlags,
    start: datetime | None,
    until: datetime | None,
    duration: timedelta | None,
    delegation: _Delegation,
    output: str,
) -> None:
    """Give a principal a role at a scope. Repeating it changes nothing.

    The options --delegate-... limit what the holder may hand out by it; each that is given holds.
    Times are UTC unless they have an offset.
    """
    if principal is None:
        raise click.UsageError("say to whom: --user, --service-principal or --group.")
    if until is not None and duration is not None:
        raise click.UsageError("give --until or --for, not both.")
    if duration is not None:
        until = (start or datetime.now(UTC)) + duration
    made = invocation.client.create_role_assignment(
        where.required(),
        principal,
        reference(role),
        start_time=start,
        expire_time=until,
        delegation=delegation.message(),
    )
    invocation.say(f"{principal} is {made.role_display_name} at {made.scope}")
    whole = record(made)
    window = [column for column in (FROM, UNTIL) if column.path in whole]
    show(whole, View((*COLUMNS, *window, NAME)), output)
