"""`deskhold group`: groups of this deployment, and who is in them."""

from __future__ import annotations

import click

from deskhold.cli.flags import principal_options
from deskhold.cli.invocation import Invocation, passed
from deskhold.cli.output import (
    Column,
    View,
    last_segment,
    moment,
    output_option,
    record,
    show,
    show_all,
)
from deskhold.cli.principals import KIND
from deskhold.cli.removal import Removal, removal_options
from deskhold.cli.tree import Group
from deskhold.identities import Principal

_VIEW = View(
    (
        Column("name", "GROUP", last_segment),
        Column("display_name", "DISPLAY NAME"),
        Column("member_count", "MEMBERS"),
        Column("create_time", "CREATED", moment),
    )
)
_MEMBER = View(
    (
        Column("group", "GROUP", last_segment),
        Column("member.id", "MEMBER"),
        Column("member.kind", "KIND", KIND),
        Column("member.directory", "DIRECTORY"),
        Column("create_time", "SINCE", moment),
    ),
    name="member.id",
)


@click.group(cls=Group)
def group() -> None:
    """Groups of this deployment, beside those that tokens name."""


@group.command(example="deskhold group create helpdesk --display-name 'Help desk'")
@click.argument("name", metavar="GROUP")
@click.option("--display-name", metavar="TEXT", default="", help="What people see.")
@output_option()
@passed
def create(invocation: Invocation, *, name: str, display_name: str, output: str) -> None:
    """Create the empty group GROUP. Repeating it changes nothing."""
    made = invocation.client.create_group(
        full_name(name).removeprefix("groups/"), display_name=display_name
    )
    invocation.say(f"{made.name} is there")
    show(record(made), _VIEW, output)


@group.command("list", example="deskhold group list")
@output_option()
@passed
def list_(invocation: Invocation, *, output: str) -> None:
    """List the groups."""
    show_all(map(record, invocation.client.list_groups()), _VIEW, output)


@group.command("show", example="deskhold group show helpdesk -o yaml")
@click.argument("name", metavar="GROUP")
@output_option()
@passed
def show_(invocation: Invocation, *, name: str, output: str) -> None:
    """Show the group GROUP; 'deskhold group members' lists who is in it."""
    show(record(invocation.client.get_group(full_name(name))), _VIEW, output)


@group.command(example="deskhold group delete helpdesk --what-if")
@click.argument("name", metavar="GROUP")
@removal_options("Delete it even when it was changed meanwhile, and do not ask.")
@output_option()
@passed
def delete(invocation: Invocation, *, name: str, removal: Removal, output: str) -> None:
    """Delete the group GROUP with its memberships; prints what it was.

    One that holds roles is not deleted: take them away first.
    """
    client = invocation.client
    before = client.get_group(full_name(name))

    def attempt(validate_only: bool) -> None:
        etag = "" if removal.force else before.etag
        client.delete_group(before.name, etag=etag, validate_only=validate_only)

    removal.run(attempt, lambda _: f"Delete group {name} with {before.member_count} members?")
    invocation.say(f"{removal.verb('delete', 'deleted')} group {name}")
    show(record(before), _VIEW, output)


@group.command(example="deskhold group add helpdesk --user bob@contoso.com")
@click.argument("name", metavar="GROUP")
@principal_options
@output_option()
@passed
def add(invocation: Invocation, *, name: str, principal: Principal | None, output: str) -> None:
    """Put a user, a service principal or another group into GROUP. Repeating it changes nothing."""
    made = invocation.client.add_group_member(full_name(name), _given(principal))
    invocation.say(f"{principal} is in {made.group}")
    show(record(made), _MEMBER, output)


@group.command(example="deskhold group remove helpdesk --user bob@contoso.com --yes")
@click.argument("name", metavar="GROUP")
@principal_options
@removal_options("Do not ask.")
@output_option()
@passed
def remove(
    invocation: Invocation,
    *,
    name: str,
    principal: Principal | None,
    removal: Removal,
    output: str,
) -> None:
    """Take a user, a service principal or another group out of GROUP; prints what it was."""
    from deskhold.api.rbac.v1.groups_pb2 import GroupMember
    from deskhold.client.rbac.principals import message

    member = _given(principal)
    before = GroupMember(group=full_name(name), member=message(member))

    def attempt(validate_only: bool) -> None:
        invocation.client.remove_group_member(before.group, member, validate_only=validate_only)

    removal.run(attempt, lambda _: f"Take {member} out of {name}?")
    invocation.say(f"{removal.verb('take', 'took')} {member} out of {name}")
    show(record(before), _MEMBER, output)


@group.command(example="deskhold group members helpdesk -o csv")
@click.argument("name", metavar="GROUP")
@output_option()
@passed
def members(invocation: Invocation, *, name: str, output: str) -> None:
    """List who is in GROUP itself; the members of groups in it are not among them."""
    found = invocation.client.list_group_members(full_name(name))
    show_all(map(record, found), _MEMBER, output)


def full_name(group: str) -> str:
    """Return the name of a group given by id or by name."""
    return f"groups/{group.removeprefix('groups/')}"


def _given(principal: Principal | None) -> Principal:
    if principal is None:
        raise click.UsageError("say who: --user, --service-principal or --group.")
    return principal
