"""`deskhold connect`: from a user to a host."""

from __future__ import annotations

import click

from deskhold.cli.flags import ScopeFlags, tenant_options
from deskhold.cli.invocation import Invocation, passed
from deskhold.cli.output import Column, View, last_segment, output_option, record, show
from deskhold.cli.tree import Command

_VIEW = View(
    (
        Column("host", "HOST", last_segment),
        Column("address", "ADDRESS"),
        Column("port", "PORT"),
        Column("user", "USER"),
        Column("newly_assigned", "NEWLY ASSIGNED"),
        Column("administrator", "ADMINISTRATOR"),
    ),
    name="host",
)


@click.command(
    cls=Command,
    short_help="Find your host in a collection, or claim a free one.",
    example="deskhold connect eng -o rdp > desktop.rdp",
)
@click.argument("collection")
@click.option("--user", metavar="U", default="", help="For whom; you when not given.")
@click.option("--app-group", metavar="A", help="An app group; the full desktop when not given.")
@tenant_options
@output_option("table", "json", "yaml", "csv", "name", "rdp")
@passed
def connect(
    invocation: Invocation,
    *,
    collection: str,
    user: str,
    app_group: str | None,
    tenant_group: str | None,
    tenant: str | None,
    output: str,
) -> None:
    """Find your host in COLLECTION, or claim a free one if the collection assigns by itself.

    With -o rdp, prints the file that a Remote Desktop client opens. Connecting again leads to the
    same host.
    """
    where = ScopeFlags(
        tenant_group=tenant_group, tenant=tenant, collection=collection, app_group=app_group
    )
    way_in = invocation.client.connect(where.required().lstrip("/"), user=user)
    if output == "rdp":
        click.echo(way_in.rdp_file.encode(), nl=False)
    else:
        show(record(way_in), _VIEW, output)
