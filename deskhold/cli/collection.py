"""`deskhold collection`: sets of hosts and the rules for connecting to them."""

from __future__ import annotations

from typing import Literal

import click

from deskhold import names
from deskhold.cli.flags import collection_name, tenant_name, tenant_options
from deskhold.cli.invocation import Invocation, passed
from deskhold.cli.output import (
    Column,
    View,
    counted,
    last_segment,
    moment,
    output_option,
    record,
    show,
    show_all,
    without,
)
from deskhold.cli.removal import Removal, removal_options
from deskhold.cli.tree import Group

VIEW = View(
    (
        Column("name", "NAME", last_segment),
        Column("type", "TYPE", without("COLLECTION_TYPE_")),
        Column("auto_assign_user", "AUTO-ASSIGN"),
        Column("grant_administrative_privilege", "GRANT-ADMIN"),
        Column("host_count", "HOSTS"),
        Column("assigned_host_count", "ASSIGNED"),
        Column("create_time", "CREATED", moment),
    )
)
_WHOLE = View((Column("name", "NAME"), *VIEW.columns[1:]))


@click.group(cls=Group, short_help="Sets of hosts and the rules for connecting to them.")
def collection() -> None:
    """Sets of hosts and the rules for connecting to them (session collections, host pools)."""


@collection.command(example="deskhold collection create eng --type personal --auto-assign")
@click.argument("name")
@click.option(
    "--type",
    "kind",
    type=click.Choice(["personal", "pooled"]),
    required=True,
    help="personal: each user holds a host of their own. pooled: any host will do.",
)
@click.option("--auto-assign", is_flag=True, help="A user without a host claims a free one.")
@click.option("--grant-admin", is_flag=True, help="A user is administrator on the host they hold.")
@click.option("--host", "hosts", metavar="H", multiple=True, help="A first host; may be repeated.")
@tenant_options
@output_option()
@passed
def create(
    invocation: Invocation,
    *,
    name: str,
    kind: Literal["personal", "pooled"],
    auto_assign: bool,
    grant_admin: bool,
    hosts: tuple[str, ...],
    tenant_group: str | None,
    tenant: str | None,
    output: str,
) -> None:
    """Create the collection NAME in a tenant."""
    full = names.parse(collection_name(name, tenant_group, tenant))
    made = invocation.client.create_collection(
        str(full.parent),
        full.id,
        type=kind,
        auto_assign_user=auto_assign,
        grant_administrative_privilege=grant_admin,
        host_ids=hosts,
    )
    invocation.say(f"created collection {full.id}")
    show(record(made), _WHOLE, output)


@collection.command("list", example="deskhold collection list -o json")
@tenant_options
@output_option()
@passed
def list_(
    invocation: Invocation, *, tenant_group: str | None, tenant: str | None, output: str
) -> None:
    """List the collections of a tenant."""
    found = invocation.client.list_collections(tenant_name(tenant_group, tenant))
    show_all(map(record, found), VIEW, output)


@collection.command("show", example="deskhold collection show eng -o yaml")
@click.argument("name")
@tenant_options
@output_option()
@passed
def show_(
    invocation: Invocation, *, name: str, tenant_group: str | None, tenant: str | None, output: str
) -> None:
    """Show the collection NAME."""
    found = invocation.client.get_collection(collection_name(name, tenant_group, tenant))
    show(record(found), _WHOLE, output)


@collection.command(example="deskhold collection delete eng --what-if")
@click.argument("name")
@tenant_options
@removal_options("Delete it even with hosts, whose assignments end, and do not ask.")
@output_option()
@passed
def delete(
    invocation: Invocation,
    *,
    name: str,
    tenant_group: str | None,
    tenant: str | None,
    removal: Removal,
    output: str,
) -> None:
    """Delete the collection NAME; prints what it was.

    One with hosts is only deleted with --force: its hosts leave it and their assignments end.
    """
    client = invocation.client
    before = client.get_collection(collection_name(name, tenant_group, tenant))

    def attempt(validate_only: bool) -> None:
        # What the question showed is what is deleted; who forces takes it as it is.
        etag = "" if removal.force else before.etag
        client.delete_collection(
            before.name, etag=etag, force=removal.force, validate_only=validate_only
        )

    removal.run(
        attempt,
        lambda _: (
            f"Delete collection {name} with {counted(before.host_count, 'host')},"
            f" {before.assigned_host_count} of them assigned?"
        ),
    )
    invocation.say(f"{removal.verb('delete', 'deleted')} collection {name}")
    show(record(before), _WHOLE, output)
