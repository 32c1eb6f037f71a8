"""`deskhold assignment`: who holds which host."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from deskhold.cli import (
    assignment_files,
    assignment_history,
    assignment_moves,
    assignment_reservations,
)
from deskhold.cli.assignment_views import VIEW, etag_option, held
from deskhold.cli.flags import collection_options
from deskhold.cli.invocation import Invocation, passed
from deskhold.cli.output import (
    Column,
    View,
    last_segment,
    output_option,
    record,
    show,
    show_all,
)
from deskhold.cli.removal import Removal, removal_options
from deskhold.cli.tree import Group

if TYPE_CHECKING:
    from collections.abc import Iterable

    from deskhold.api.broker.v1.assignments_pb2 import Assignment

_SET_VIEW = View(
    (
        *(Column(f"assignment.{one.path}", one.title, one.cell) for one in VIEW.columns),
        Column("displaced", "DISPLACED", lambda ended: ", ".join(map(held, ended))),
    ),
    name="assignment.name",
)


@click.group(cls=Group)
def assignment() -> None:
    """Who holds which host of a personal collection."""


for _command in (
    assignment_moves.swap,
    assignment_moves.move,
    assignment_reservations.reserve,
    assignment_reservations.cancel,
    assignment_reservations.confirm,
    assignment_history.history,
    assignment_files.import_,
    assignment_files.export,
):
    assignment.add_command(_command)


@assignment.command(
    "set", example=r"deskhold assignment set --collection eng --user 'CONTOSO\alice' --host pc-017"
)
@collection_options
@click.option("--user", metavar="U", required=True, help="DOMAIN\\user or user@domain.")
@click.option("--host", metavar="H", required=True, help="A host of the collection.")
@click.option(
    "--force",
    is_flag=True,
    help="End what stands in the way: the holder's hold on the host, the user's on another, a"
    " reservation, a quarantine.",
)
@etag_option()
@output_option()
@passed
def set_(
    invocation: Invocation,
    *,
    collection: str,
    user: str,
    host: str,
    force: bool,
    etag: str,
    output: str,
) -> None:
    """Assign a host to a user; prints the assignment and what it displaced.

    Assigning what is assigned already changes nothing.
    """
    done = invocation.client.set_assignment(
        collection, user=user, host_id=host, force=force, etag=etag
    )
    invocation.say(f"{done.assignment.user} holds {host}")
    show(record(done), _SET_VIEW, output)


@assignment.command("list", example="deskhold assignment list --collection eng --host pc-017")
@collection_options
@click.option("--user", metavar="U", default="", help="Only what this user holds.")
@click.option("--host", metavar="H", default="", help="Only who holds this host.")
@output_option()
@passed
def list_(invocation: Invocation, *, collection: str, user: str, host: str, output: str) -> None:
    """List the assignments of a collection, of one user, or of one host."""
    if user and host:
        raise click.UsageError("give --user or --host, not both.")
    found = invocation.client.list_assignments(collection, user=user, host_id=host)
    show_all(map(record, found), VIEW, output)


@assignment.command(
    "remove", example="deskhold assignment remove --collection eng --host pc-017 --what-if"
)
@collection_options
@click.option("--user", metavar="U", default="", help="End all that this user holds.")
@click.option("--host", metavar="H", default="", help="End what holds this host.")
@etag_option()
@removal_options("Do not ask.")
@output_option()
@passed
def remove(
    invocation: Invocation,
    *,
    collection: str,
    user: str,
    host: str,
    etag: str,
    removal: Removal,
    output: str,
) -> None:
    """End the assignments of a user, or of a host; prints what ended.

    Asks first, unless --force or --yes is given; --what-if only says what would end.
    """
    if bool(user) == bool(host):
        raise click.UsageError("give --user or --host, and not both.")
    if etag and user:
        raise click.UsageError("--etag is that of a host; give --host.")

    def attempt(validate_only: bool) -> Iterable[Assignment]:
        return invocation.client.remove_assignment(
            collection, user=user, host_id=host, etag=etag, validate_only=validate_only
        ).removed

    removed = [record(one) for one in removal.run(attempt, _question)]
    for one in removed:
        invocation.say(f"{removal.verb('end', 'ended')}: {held(one)}")
    show_all(removed, VIEW, output)


def _question(plan: Iterable[Assignment]) -> str:
    ends = ", ".join(f"{one.user} on {last_segment(one.host)}" for one in plan)
    return f"End the assignment of {ends}?"
