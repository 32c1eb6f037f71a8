"""`deskhold assignment reserve`, `cancel-reservation`, `confirm-release`: who may have a host."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

import click

from deskhold.cli import times
from deskhold.cli.flags import collection_options
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
)
from deskhold.cli.removal import Removal, removal_options
from deskhold.cli.tree import Command

if TYPE_CHECKING:
    from deskhold.api.broker.v1.hosts_pb2 import Reservation

_RESERVED = View(
    (
        Column("host", "HOST", last_segment),
        Column("reservation.user", "FOR"),
        Column("reservation.expire_time", "UNTIL", moment),
        Column("reservation.reserved_by", "BY"),
    ),
    name="host",
)
_RELEASED = View((Column("host", "HOST"),), name="host")


@click.command(
    "reserve",
    cls=Command,
    example=r"deskhold assignment reserve --collection eng --host pc-017 --user 'CONTOSO\alice'"
    " --until 2026-12-01",
)
@collection_options
@click.option("--host", metavar="H", required=True, help="A host that nobody holds.")
@click.option("--user", metavar="U", required=True, help="DOMAIN\\user or user@domain.")
@click.option(
    "--until", type=times.time, required=True, help="When it ends, at most 365 days from now."
)
@output_option()
@passed
def reserve(
    invocation: Invocation, *, collection: str, host: str, user: str, until: datetime, output: str
) -> None:
    """Keep a free host for a user until a time; for the same user again, change the time.

    Nobody else can have it, and the user's first sign-in takes it.
    """
    done = invocation.client.reserve_host(collection, host_id=host, user=user, until=until)
    invocation.say(f"{host} is reserved for {done.reservation.user}")
    show(record(done), _RESERVED, output)


@click.command(
    "cancel-reservation",
    cls=Command,
    example="deskhold assignment cancel-reservation --collection eng --host pc-017 --what-if",
)
@collection_options
@click.option("--host", metavar="H", required=True, help="The host.")
@removal_options("Do not ask.")
@output_option()
@passed
def cancel(
    invocation: Invocation, *, collection: str, host: str, removal: Removal, output: str
) -> None:
    """End a reservation before its time; prints what ended.

    Asks first, unless --force or --yes is given; --what-if only says what would end.
    """

    def attempt(validate_only: bool) -> Reservation:
        return invocation.client.cancel_reservation(
            collection, host_id=host, validate_only=validate_only
        ).reservation

    def question(kept: Reservation) -> str:
        return f"End the reservation of {host} in {last_segment(collection)} for {kept.user}?"

    ended = removal.run(attempt, question)
    invocation.say(f"{removal.verb('end', 'ended')}: {host} for {ended.user}")
    shown = {"host": f"{collection}/hosts/{host}", "reservation": record(ended)}
    show(shown, _RESERVED, output)


@click.command(
    "confirm-release",
    cls=Command,
    example="deskhold assignment confirm-release --collection eng pc-017 pc-018",
)
@click.argument("hosts", metavar="HOST...", nargs=-1, required=True)
@collection_options
@click.option(
    "--force",
    is_flag=True,
    help="Do not go by what agents report of administrator rights.",
)
@output_option()
@passed
def confirm(
    invocation: Invocation, *, hosts: tuple[str, ...], collection: str, force: bool, output: str
) -> None:
    """Confirm that hosts in quarantine are clean, all or none; prints those that were in it."""
    done = invocation.client.confirm_release(collection, hosts, force=force)
    invocation.say(f"released {counted(len(done.released_host_ids), 'host')}")
    show_all(({"host": one} for one in done.released_host_ids), _RELEASED, output)
