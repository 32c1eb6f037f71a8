"""`deskhold diagnostics`: what was done, by whom, with which outcome."""

from __future__ import annotations

from itertools import islice
from typing import Any

import click

from deskhold import names
from deskhold.cli import times
from deskhold.cli.flags import collection_name, tenant_name, tenant_options
from deskhold.cli.invocation import Invocation, passed
from deskhold.cli.output import Column, View, last_segment, moment, output_option, record, show_all
from deskhold.cli.output import without as without_prefix
from deskhold.cli.tree import Group

_KINDS = ("management", "connection", "registration")
_OUTCOMES = ("succeeded", "denied", "refused", "failed")
_VIEW = View(
    (
        Column("start_time", "TIME", moment),
        Column("kind", "KIND", without_prefix("ACTIVITY_KIND_")),
        Column("outcome", "OUTCOME", without_prefix("ACTIVITY_OUTCOME_")),
        Column("method", "METHOD", last_segment),
        Column("actor", "BY"),
        Column("user", "FOR"),
        Column("collection", "COLLECTION", last_segment),
        Column("host_id", "HOST"),
        Column("reason", "REASON"),
        Column("request_id", "REQUEST"),
    )
)


@click.group(cls=Group)
def diagnostics() -> None:
    """What was done, by whom, with which outcome; all that an RDS Operator sees."""


@diagnostics.command(
    "list", example="deskhold diagnostics list --user alice@contoso.com --outcome failed"
)
@click.option(
    "--infrastructure", "--deployment", is_flag=True, help="Of the deployment and all tenants."
)
@tenant_options
@click.option("--user", metavar="U", default="", help="Only by or for this user.")
@click.option("--collection", "--host-pool", metavar="C", help="Only in this collection.")
@click.option("--host", metavar="H", default="", help="Only on this host.")
@click.option("--kind", type=click.Choice(_KINDS), help="Only of this kind.")
@click.option("--outcome", type=click.Choice(_OUTCOMES), help="Only with this outcome.")
@click.option("--since", type=times.time, help="From this time on.")
@click.option("--until", type=times.time, help="Before this time.")
@click.option(
    "--request", "request_id", metavar="ID", default="", help="Only this call, as errors name it."
)
@click.option(
    "--limit", type=click.IntRange(1), metavar="N", help="At most so many; all when not given."
)
@output_option()
@passed
def list_(
    invocation: Invocation,
    *,
    infrastructure: bool,
    tenant_group: str | None,
    tenant: str | None,
    user: str,
    collection: str | None,
    host: str,
    kind: str | None,
    outcome: str | None,
    since: Any,
    until: Any,
    request_id: str,
    limit: int | None,
    output: str,
) -> None:
    """List activities, newest first: management calls, connections, registrations of hosts.

    Of one tenant, or with --infrastructure of the deployment and all tenants.
    """
    if infrastructure and (tenant_group or tenant):
        raise click.UsageError(
            "--infrastructure is the whole deployment; it goes without --tenant-group and --tenant."
        )
    name = collection_name(collection, tenant_group, tenant) if collection else ""
    parent = _tenant_of(name) if name else tenant_name(tenant_group, tenant)
    found = invocation.client.list_activities(
        "diagnostics" if infrastructure else f"{parent}/diagnostics",
        user=user,
        collection=name,
        host_id=host,
        kind=kind or "",
        outcome=outcome or "",
        start_time=since,
        end_time=until,
        request_id=request_id,
    )
    show_all(map(record, islice(found, limit)), _VIEW, output)


def _tenant_of(collection: str) -> str:
    return names.parse(collection).parent.text
