"""`deskhold host`: changing, draining and moving hosts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from deskhold import names
from deskhold.cli.flags import collection_name, collection_options
from deskhold.cli.host import VIEW, host
from deskhold.cli.host_names import batches
from deskhold.cli.host_settings import new_connections, setting_options
from deskhold.cli.invocation import Invocation, passed
from deskhold.cli.output import counted, output_option, record, show_all

if TYPE_CHECKING:
    from deskhold.api.broker.v1.hosts_pb2 import Host

__all__ = ["host"]

# What only one host can have.
_OWN = {"address", "port", "friendly_name"}


@host.command(example="deskhold host update --collection eng pc-0017 --weight 50")
@click.argument("hosts", metavar="HOST...", nargs=-1, required=True)
@collection_options
@setting_options
@output_option()
@passed
def update(
    invocation: Invocation,
    *,
    collection: str,
    hosts: tuple[str, ...],
    settings: dict[str, Any],
    output: str,
) -> None:
    """Change what is given of hosts; `-` reads their names from stdin, one a line.

    All or nothing, 10,000 at a time. Address, port and friendly name are of one host.
    """
    if not settings:
        raise click.UsageError("say what to change, for example --new-connections no.")
    every = batches(hosts, collection)
    if _OWN.isdisjoint(settings):
        _change(invocation, collection, every, settings, output)
        return
    if len(every) > 1 or len(every[0]) > 1:
        raise click.UsageError("--address, --port and --friendly-name go with one host.")
    changed = invocation.client.update_host(f"{collection}/hosts/{every[0][0]}", **settings)
    invocation.say("changed 1 host")
    show_all([record(changed)], VIEW, output)


@host.command(example="deskhold host drain --collection eng pc-0017 pc-0018 --until-reboot")
@click.argument("hosts", metavar="HOST...", nargs=-1, required=True)
@click.option("--until-reboot", is_flag=True, help="Only until the machine has started again.")
@collection_options
@output_option()
@passed
def drain(
    invocation: Invocation,
    *,
    collection: str,
    hosts: tuple[str, ...],
    until_reboot: bool,
    output: str,
) -> None:
    """Let no new sessions onto hosts; `-` reads their names from stdin, one a line.

    Sessions that are there stay, and are taken up again. Nobody is assigned such a host by itself.
    """
    word = "not-until-reboot" if until_reboot else "no"
    _set(invocation, collection, hosts, word, output)


@host.command(example="deskhold host undrain --collection eng pc-0017 pc-0018")
@click.argument("hosts", metavar="HOST...", nargs=-1, required=True)
@collection_options
@output_option()
@passed
def undrain(
    invocation: Invocation, *, collection: str, hosts: tuple[str, ...], output: str
) -> None:
    """Let new sessions onto hosts again; `-` reads their names from stdin, one a line."""
    _set(invocation, collection, hosts, "yes", output)


@host.command(example="deskhold host move --collection eng pc-0017 --to lab")
@click.argument("hosts", metavar="HOST...", nargs=-1, required=True)
@click.option("--to", "destination", metavar="C", required=True, help="The collection they go to.")
@collection_options
@output_option()
@passed
def move(
    invocation: Invocation,
    *,
    collection: str,
    hosts: tuple[str, ...],
    destination: str,
    output: str,
) -> None:
    """Move hosts to another collection of the tenant; `-` reads their names from stdin.

    All or nothing, 10,000 at a time. Only hosts that nobody holds, that are kept for nobody, wait
    for no confirmation and have no sessions.
    """
    where = names.parse(collection)
    group, tenant = where.ids[:2]
    is_full = "/" in destination
    target = collection_name(destination, None if is_full else group, None if is_full else tenant)
    moved: list[Host] = []
    for batch in batches(hosts, collection):
        moved += invocation.client.move_hosts(collection, batch, target).hosts
    invocation.say(f"moved {counted(len(moved), 'host')} to collection {names.parse(target).id}")
    show_all(map(record, moved), VIEW, output)


def _set(
    invocation: Invocation, collection: str, hosts: tuple[str, ...], word: str, output: str
) -> None:
    settings = {"new_connections": new_connections(word)}
    _change(invocation, collection, batches(hosts, collection), settings, output)


def _change(
    invocation: Invocation,
    collection: str,
    every: list[list[str]],
    settings: dict[str, Any],
    output: str,
) -> None:
    changed: list[Host] = []
    for batch in every:
        changed += invocation.client.update_hosts(collection, batch, **settings).hosts
    invocation.say(f"changed {counted(len(changed), 'host')}")
    show_all(map(record, changed), VIEW, output)
