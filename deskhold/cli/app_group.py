"""`deskhold app-group`: what collections publish."""

from __future__ import annotations

from typing import Literal

import click

from deskhold.cli.app_group_application import application
from deskhold.cli.app_group_shape import LIST, WHOLE, full_name
from deskhold.cli.flags import collection_options
from deskhold.cli.invocation import Invocation, passed
from deskhold.cli.output import output_option, record, show, show_all
from deskhold.cli.removal import Removal, removal_options
from deskhold.cli.tree import Group


@click.group("app-group", cls=Group, short_help="What collections publish.")
def app_group() -> None:
    """What collections publish: the full desktop, or applications (RemoteApp)."""


@app_group.command(example="deskhold app-group create office --collection eng --type remote-app")
@click.argument("name")
@collection_options
@click.option(
    "--type",
    "kind",
    type=click.Choice(["desktop", "remote-app"]),
    required=True,
    help="desktop: the full desktop. remote-app: applications.",
)
@click.option("--display-name", metavar="TEXT", default="", help="What people see.")
@click.option("--description", metavar="TEXT", default="", help="What it is for.")
@output_option()
@passed
def create(
    invocation: Invocation,
    *,
    name: str,
    collection: str,
    kind: Literal["desktop", "remote-app"],
    display_name: str,
    description: str,
    output: str,
) -> None:
    """Create the app group NAME in a collection. Applications are added afterwards."""
    made = invocation.client.create_app_group(
        collection,
        name,
        type="desktop" if kind == "desktop" else "remote_app",
        display_name=display_name,
        description=description,
    )
    invocation.say(f"created app group {name}")
    show(record(made), WHOLE, output)


@app_group.command("list", example="deskhold app-group list --collection eng")
@collection_options
@output_option()
@passed
def list_(invocation: Invocation, *, collection: str, output: str) -> None:
    """List the app groups of a collection."""
    show_all(map(record, invocation.client.list_app_groups(collection)), LIST, output)


@app_group.command("show", example="deskhold app-group show office --collection eng -o yaml")
@click.argument("name")
@collection_options
@output_option()
@passed
def show_(invocation: Invocation, *, name: str, collection: str, output: str) -> None:
    """Show the app group NAME of a collection."""
    found = invocation.client.get_app_group(full_name(collection, name))
    show(record(found), WHOLE, output)


@app_group.command(
    example="deskhold app-group update office --collection eng --display-name 'Office programs'"
)
@click.argument("name")
@collection_options
@click.option("--display-name", metavar="TEXT", help="What people see.")
@click.option("--description", metavar="TEXT", help="What it is for.")
@click.option("--etag", metavar="ETAG", default="", help="Change only this version.")
@click.option("--validate-only", is_flag=True, help="Change nothing, say what would be there.")
@output_option()
@passed
def update(
    invocation: Invocation,
    *,
    name: str,
    collection: str,
    display_name: str | None,
    description: str | None,
    etag: str,
    validate_only: bool,
    output: str,
) -> None:
    """Change what is given of the app group NAME; the rest stays."""
    if display_name is None and description is None:
        raise click.UsageError("say what to change; see --help.")
    made = invocation.client.update_app_group(
        full_name(collection, name),
        display_name=display_name,
        description=description,
        etag=etag,
        validate_only=validate_only,
    )
    invocation.say(f"{'would change' if validate_only else 'changed'} app group {name}")
    show(record(made), WHOLE, output)


@app_group.command(example="deskhold app-group delete office --collection eng --what-if")
@click.argument("name")
@collection_options
@removal_options("Delete it even when it was changed meanwhile, and do not ask.")
@output_option()
@passed
def delete(
    invocation: Invocation, *, name: str, collection: str, removal: Removal, output: str
) -> None:
    """Delete the app group NAME with the role assignments there; prints what it was.

    The last one of a collection is not deleted, with --force neither.
    """
    client = invocation.client
    before = client.get_app_group(full_name(collection, name))

    def attempt(validate_only: bool) -> None:
        # What the question showed is what is deleted; who forces takes it as it is.
        etag = "" if removal.force else before.etag
        client.delete_app_group(before.name, etag=etag, validate_only=validate_only)

    removal.run(attempt, lambda _: f"Delete app group {name} with all role assignments there?")
    invocation.say(f"{removal.verb('delete', 'deleted')} app group {name}")
    show(record(before), WHOLE, output)


app_group.add_command(application)
