"""`deskhold assignment swap` and `move`: users to other hosts."""

from __future__ import annotations

import click

from deskhold.cli.assignment_views import VIEW, etag_option, held
from deskhold.cli.flags import collection_options
from deskhold.cli.invocation import Invocation, passed
from deskhold.cli.output import Column, View, output_option, record, show, show_all
from deskhold.cli.tree import Command

_MOVED = View(
    (
        *(Column(f"assignment.{one.path}", one.title, one.cell) for one in VIEW.columns),
        Column("ended", "ENDED", held),
    ),
    name="assignment.name",
)


@click.command(
    "swap", cls=Command, example="deskhold assignment swap --collection eng pc-017 pc-018"
)
@click.argument("host")
@click.argument("other")
@collection_options
@etag_option(host="HOST")
@etag_option("--other-etag", host="OTHER")
@output_option()
@passed
def swap(
    invocation: Invocation,
    *,
    host: str,
    other: str,
    collection: str,
    etag: str,
    other_etag: str,
    output: str,
) -> None:
    """Exchange the users of HOST and OTHER; prints both assignments.

    Doing it again swaps them back.
    """
    done = invocation.client.swap_assignments(
        collection, host, other, etag=etag, other_etag=other_etag
    )
    now = [record(one) for one in done.assignments]
    invocation.say(", ".join(map(held, now)))
    show_all(now, VIEW, output)


@click.command(
    "move",
    cls=Command,
    example="deskhold assignment move --collection eng --host pc-017 --to pc-018",
)
@collection_options
@click.option("--host", metavar="H", required=True, help="The host that is left.")
@click.option("--to", metavar="H2", required=True, help="The host that is taken; nobody holds it.")
@click.option(
    "--user", metavar="U", default="", help="Who is to be moved.  [default: whoever holds it]"
)
@etag_option(host="the host that is left")
@output_option()
@passed
def move(
    invocation: Invocation,
    *,
    collection: str,
    host: str,
    to: str,
    user: str,
    etag: str,
    output: str,
) -> None:
    """Move a user from one host to another; prints the assignment and the one that ended.

    With --user, moving who is there already changes nothing.
    """
    done = invocation.client.move_assignment(
        collection, host_id=host, destination_host_id=to, user=user, etag=etag
    )
    invocation.say(f"{done.assignment.user} holds {to}")
    show(record(done), _MOVED, output)
