"""`deskhold connect`: from a user to a host."""

from __future__ import annotations

import os
import sys

import click

from deskhold.cli.flags import ScopeFlags, tenant_name, tenant_options
from deskhold.cli.invocation import Invocation, passed
from deskhold.cli.output import Column, View, last_segment, output_option, record, show, without
from deskhold.cli.rdp_client import find_client
from deskhold.cli.tree import Command

_RIGHTS = {"not_granted": "no", "applied": "yes"}


def _rights(value: str) -> str:
    name = without("ADMINISTRATOR_RIGHTS_")(value)
    return _RIGHTS.get(name, name)


_VIEW = View(
    (
        Column("host", "HOST", last_segment),
        Column("address", "ADDRESS"),
        Column("port", "PORT"),
        Column("user", "USER"),
        Column("newly_assigned", "NEWLY ASSIGNED"),
        Column("administrator_rights", "ADMINISTRATOR", _rights),
        Column("session", "SESSION", last_segment),
    ),
    name="host",
)
_ROUTE = View(
    (
        Column("host", "HOST", last_segment),
        Column("address", "ADDRESS"),
        Column("port", "PORT"),
        Column("user", "USER"),
        Column("expire_time", "UNTIL"),
    ),
    name="host",
)


@click.command(
    cls=Command,
    short_help="Find your host in a collection, or claim a free one.",
    example="deskhold connect eng --open",
)
@click.argument("collection")
@click.option("--user", metavar="U", default="", help="For whom; you when not given.")
@click.option("--app-group", metavar="A", help="An app group; the full desktop when not given.")
@click.option("--application", metavar="X", default="", help="Which of several applications.")
@click.option("--host", metavar="H", default="", help="To this host: your own, or a free one.")
@click.option("--what-if", is_flag=True, help="Only say where it would lead.")
@click.option(
    "--open", "opens", is_flag=True, help="Open it with the Remote Desktop client of this machine."
)
@click.option(
    "--client",
    metavar="COMMAND",
    help="The client that --open starts; the file's path replaces {}.",
)
@tenant_options
@output_option("table", "json", "yaml", "csv", "name", "rdp")
@passed
def connect(
    invocation: Invocation,
    *,
    collection: str,
    user: str,
    app_group: str | None,
    application: str,
    host: str,
    what_if: bool,
    opens: bool,
    client: str | None,
    tenant_group: str | None,
    tenant: str | None,
    output: str,
) -> None:
    """Find your host in COLLECTION, or claim a free one if the collection assigns by itself.

    With -o rdp, prints the file that a Remote Desktop client opens, in UTF-16 as Windows writes it
    (as text on a terminal). With --open, starts the client of this machine on a file of its own,
    which is removed afterwards. Connecting again leads to the same host. With --what-if, nothing is
    claimed, and the file has no routing token.

    ADMINISTRATOR is yes once the host's agent has applied the rights, pending until then, and
    unmanaged where no agent reports.
    """
    if client is not None and not opens:
        raise click.UsageError("--client goes with --open.")
    if opens and (what_if or output == "rdp"):
        raise click.UsageError("--open goes without --what-if and -o rdp.")
    rdp_client = find_client(client, os.environ) if opens else None
    where = ScopeFlags(
        tenant_group=tenant_group, tenant=tenant, collection=collection, app_group=app_group
    )
    way_in = invocation.client.connect(
        where.required().lstrip("/"),
        user=user,
        host_id=host,
        application_id=application,
        validate_only=what_if,
    )
    if output != "rdp":
        show(record(way_in), _VIEW, output)
    elif sys.stdout.isatty():
        click.echo(way_in.rdp_file, nl=False)
    else:
        click.echo(way_in.rdp_file_content, nl=False)
    if rdp_client is not None:
        title = last_segment(way_in.host)
        invocation.say(f"opening {title} with {rdp_client.name}")
        rdp_client.open(way_in.rdp_file_content, title=title)


@click.command(
    cls=Command,
    short_help="Say where the routing token of a client leads.",
    example="deskhold resolve dh2.2Yx...",
)
@click.argument("token")
@tenant_options
@output_option()
@passed
def resolve(
    invocation: Invocation,
    *,
    token: str,
    tenant_group: str | None,
    tenant: str | None,
    output: str,
) -> None:
    """Say to which host TOKEN leads, the `loadbalanceinfo` of an `.rdp` file, and for whom.

    That is what gateways and redirectors ask the broker when a client comes to them.
    """
    parent = tenant_name(tenant_group, tenant)
    route = invocation.client.resolve_routing_token(parent, token)
    show(record(route), _ROUTE, output)
