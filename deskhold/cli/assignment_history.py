"""`deskhold assignment history`: who had which host, from when to when."""

from __future__ import annotations

from datetime import datetime

import click

from deskhold.cli import times
from deskhold.cli.flags import collection_options
from deskhold.cli.invocation import Invocation, passed
from deskhold.cli.output import Column, View, moment, output_option, record, show_all
from deskhold.cli.tree import Command

_PERIODS = View(
    (
        Column("host_id", "HOST"),
        Column("user", "USER"),
        Column("start_time", "FROM", moment),
        Column("start_cause", "BY WAY OF", str.lower),
        Column("started_by", "BY"),
        Column("end_time", "UNTIL", moment),
        Column("end_cause", "ENDED BY WAY OF", str.lower),
        Column("ended_by", "ENDED BY"),
    ),
    name="host_id",
)


@click.command(
    "history",
    cls=Command,
    example="deskhold assignment history --collection eng --host pc-017 --at 2026-03-01T08:00",
)
@collection_options
@click.option("--user", metavar="U", default="", help="Only of this user.")
@click.option("--host", metavar="H", default="", help="Only of this host, which may be gone.")
@click.option("--at", type=times.time, help="Only what was so at this time.")
@output_option()
@passed
def history(
    invocation: Invocation,
    *,
    collection: str,
    user: str,
    host: str,
    at: datetime | None,
    output: str,
) -> None:
    """List who had which host, from when to when and by whose decision; the newest first.

    Hosts that were removed are there too, and earlier collections of the name.
    """
    found = invocation.client.list_assignment_periods(collection, user=user, host_id=host, at=at)
    show_all(map(record, found), _PERIODS, output)
