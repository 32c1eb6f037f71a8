"""`deskhold app-group application`: the applications of an app group.

The service knows an app group with its applications as one thing. Each command reads it, and
changes that version and no other.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from deskhold.cli.app_group_shape import WHOLE, full_name
from deskhold.cli.flags import collection_options
from deskhold.cli.invocation import Invocation, passed
from deskhold.cli.output import output_option, record, show
from deskhold.cli.removal import Removal, removal_options
from deskhold.cli.tree import Group
from deskhold.errors import NotFound

if TYPE_CHECKING:
    from deskhold.api.broker.v1.app_groups_pb2 import AppGroup, Application


@click.group(cls=Group, short_help="The applications of an app group.")
def application() -> None:
    """The applications of an app group."""


@application.command(
    example="deskhold app-group application add word --collection eng --app-group office"
    " --path 'C:\\Program Files\\Office\\winword.exe'"
)
@click.argument("name")
@collection_options
@click.option("--app-group", metavar="A", required=True, help="The app group.")
@click.option("--path", metavar="PATH", required=True, help="The program, on the host.")
@click.option("--display-name", metavar="TEXT", default="", help="What people see.")
@click.option("--arguments", metavar="TEXT", default="", help="Its command line.")
@click.option("--icon", metavar="PATH", default="", help="Its icon, on the host.")
@output_option()
@passed
def add(
    invocation: Invocation,
    *,
    name: str,
    collection: str,
    app_group: str,
    path: str,
    display_name: str,
    arguments: str,
    icon: str,
    output: str,
) -> None:
    """Publish the application NAME; one of this name is replaced."""
    from deskhold.api.broker.v1.app_groups_pb2 import Application

    before = invocation.client.get_app_group(full_name(collection, app_group))
    new = Application(
        application_id=name,
        display_name=display_name,
        file_path=path,
        arguments=arguments,
        icon_path=icon,
    )
    made = invocation.client.update_app_group(
        before.name, applications=[*_others(before, name), new], etag=before.etag
    )
    invocation.say(f"{name} is in app group {app_group}")
    show(record(made), WHOLE, output)


@application.command(
    example="deskhold app-group application remove word --collection eng --app-group office --yes"
)
@click.argument("name")
@collection_options
@click.option("--app-group", metavar="A", required=True, help="The app group.")
@removal_options("Do not ask.")
@output_option()
@passed
def remove(
    invocation: Invocation,
    *,
    name: str,
    collection: str,
    app_group: str,
    removal: Removal,
    output: str,
) -> None:
    """Publish the application NAME no more; prints the app group without it."""
    client = invocation.client
    before = client.get_app_group(full_name(collection, app_group))
    rest = _others(before, name)
    if len(rest) == len(before.applications):
        raise NotFound(
            f"there is no application {name} in {before.name};"
            " see them with: deskhold app-group show",
            reason="APPLICATION_NOT_FOUND",
            metadata={"app_group": before.name, "application": name},
        )

    def attempt(validate_only: bool) -> AppGroup:
        return client.update_app_group(
            before.name, applications=rest, etag=before.etag, validate_only=validate_only
        )

    made = removal.run(attempt, lambda _: f"Remove {name} from app group {app_group}?")
    invocation.say(f"{removal.verb('remove', 'removed')} {name}")
    show(record(made), WHOLE, output)


def _others(app_group: AppGroup, name: str) -> Sequence[Application]:
    return [one for one in app_group.applications if one.application_id.lower() != name.lower()]
