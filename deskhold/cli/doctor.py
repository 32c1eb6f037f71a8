"""`deskhold doctor`: what is wrong with a deployment, and how to repair what can be repaired."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from deskhold.cli import exits
from deskhold.cli.flags import ScopeFlags, scope_options
from deskhold.cli.invocation import Invocation, passed
from deskhold.cli.output import (
    Column,
    View,
    counted,
    output_option,
    record,
    show_all,
    without,
)
from deskhold.cli.removal import refuse_without_terminal
from deskhold.cli.tree import Command
from deskhold.errors import NotFound, PermissionDenied

if TYPE_CHECKING:
    from deskhold.api.broker.v1.registration_pb2 import CompareScopesResponse
    from deskhold.client import Client

_VIEW = View(
    (Column("scope", "SCOPE"), Column("kind", "MISMATCH", without("SCOPE_MISMATCH_KIND_"))),
    name="scope",
)
# What the service repairs in a call; more is repaired by calling again.
_AT_ONCE = 1_000
# Time to replace the certificate and to distribute the thumbprint of the next one.
_NOTICE_DAYS = 60


@click.command(cls=Command, example="deskhold doctor --tenant hr --repair")
@click.option("--repair", is_flag=True, help="Make the two agree.")
@click.option("-y", "--yes", "--force", "yes", is_flag=True, help="Do not ask before removing.")
@scope_options
@output_option()
@passed
def doctor(
    invocation: Invocation, *, repair: bool, yes: bool, where: ScopeFlags, output: str
) -> None:
    """Say where collections and app groups differ from the scopes that rbac has for them.

    They agree unless a store was restored or changed by hand. Looks at the whole deployment, or at
    a tenant. The exit code is 1 when they differ and are not repaired. --repair registers scopes
    that are missing, and removes those that nothing stands for, with all role assignments there;
    it prints what was different. A warning on stderr says when `.rdp` files are not signed, or when
    the certificate that signs them expires within 60 days.
    """
    client, scope = invocation.client, where.or_deployment()
    found = client.compare_scopes(scope)
    _warn_of_publisher(client, scope)
    invocation.say(
        f"compared {found.compared_count}: {counted(found.mismatch_count, 'difference')}"
    )
    if not found.mismatches and output == "table":
        click.echo(f"{found.compared_count} compared, nothing differs")
        return
    if not repair:
        show_all(map(record, found.mismatches), _VIEW, output)
        if found.mismatch_count:
            click.get_current_context().exit(exits.FAILED)
        return
    if not yes:
        _ask(found)
    repaired = list(client.repair_scopes(scope).repaired) if found.mismatch_count else []
    while repaired and len(repaired) % _AT_ONCE == 0:
        more = client.repair_scopes(scope).repaired
        if not more:
            break
        repaired += more
    invocation.say(f"repaired {counted(len(repaired), 'difference')}")
    show_all(map(record, repaired), _VIEW, output)


def _warn_of_publisher(client: Client, scope: str) -> None:
    try:
        publisher = client.get_publisher(scope)
    except NotFound as error:
        click.echo(f"warning: {error.message}", err=True)
    except PermissionDenied as error:
        click.echo(f"warning: the signature of .rdp files was not checked: {error}", err=True)
    else:
        end = publisher.expire_time.ToDatetime(UTC)
        days = (end - datetime.now(UTC)).days
        if days < _NOTICE_DAYS:
            when = f"expires on {end:%Y-%m-%d}" if days >= 0 else f"expired on {end:%Y-%m-%d}"
            click.echo(
                f"warning: the certificate that signs .rdp files {when}; replace it, and the"
                " thumbprint that clients trust",
                err=True,
            )


def _ask(found: CompareScopesResponse) -> None:
    from deskhold.api.broker.v1.registration_pb2 import SCOPE_MISMATCH_KIND_ORPHANED

    orphans = [one for one in found.mismatches if one.kind == SCOPE_MISMATCH_KIND_ORPHANED]
    if not orphans:
        return
    refuse_without_terminal("--yes to do it; without --repair it only says what differs")
    click.confirm(
        f"Remove {counted(len(orphans), 'scope')} with all role assignments there?",
        default=False,
        abort=True,
        err=True,
    )
