"""`deskhold collection`: sets of hosts and the rules for connecting to them."""

from __future__ import annotations

import click

from deskhold.cli.collection_change import create, update
from deskhold.cli.collection_shape import LIST, WHOLE
from deskhold.cli.flags import collection_name, tenant_name, tenant_options
from deskhold.cli.invocation import Invocation, passed
from deskhold.cli.output import counted, output_option, record, show, show_all
from deskhold.cli.removal import Removal, removal_options
from deskhold.cli.tree import Group


@click.group(cls=Group, short_help="Sets of hosts and the rules for connecting to them.")
def collection() -> None:
    """Sets of hosts and the rules for connecting to them (session collections, host pools)."""


collection.add_command(create)


@collection.command("list", example="deskhold collection list -o json")
@tenant_options
@output_option()
@passed
def list_(
    invocation: Invocation, *, tenant_group: str | None, tenant: str | None, output: str
) -> None:
    """List the collections of a tenant."""
    found = invocation.client.list_collections(tenant_name(tenant_group, tenant))
    show_all(map(record, found), LIST, output)


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
    show(record(found), WHOLE, output)


collection.add_command(update)


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
    show(record(before), WHOLE, output)
