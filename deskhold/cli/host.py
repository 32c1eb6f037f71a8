"""`deskhold host`: the machines of a collection."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

import click

from deskhold import names
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
    show_all,
)
from deskhold.cli.removal import Removal, removal_options
from deskhold.cli.tree import Group

if TYPE_CHECKING:
    from deskhold.api.broker.v1.hosts_pb2 import Host

# What one call of the service takes.
_MAX_HOSTS = 10_000
_MAX_NAMED = 10

VIEW = View(
    (
        Column("name", "NAME", last_segment),
        Column("assigned_user", "USER"),
        Column("address", "ADDRESS"),
        Column("port", "PORT"),
        Column("create_time", "ADDED", moment),
    )
)


@click.group(cls=Group)
def host() -> None:
    """The machines of a collection."""


@host.command(example="seq -f 'pc-%04g' 1000 | deskhold host add --collection eng -")
@click.argument("hosts", metavar="HOST...", nargs=-1, required=True)
@collection_options
@output_option()
@passed
def add(invocation: Invocation, *, collection: str, hosts: tuple[str, ...], output: str) -> None:
    """Add hosts to a collection; `-` reads their names from stdin, one a line.

    All or nothing, 10,000 at a time. Hosts that are there already stay as they are.
    """
    added: list[Host] = []
    for batch in _batches(_ids(hosts, collection)):
        added += invocation.client.add_hosts(collection, batch).hosts
    are = "1 host is" if len(added) == 1 else f"{len(added)} hosts are"
    invocation.say(f"{are} in collection {names.parse(collection).id}")
    show_all(map(record, added), VIEW, output)


@host.command("list", example="deskhold host list --collection eng -o csv")
@collection_options
@output_option()
@passed
def list_(invocation: Invocation, *, collection: str, output: str) -> None:
    """List the hosts of a collection and who holds them."""
    show_all(map(record, invocation.client.list_hosts(collection)), VIEW, output)


@host.command(example="deskhold host remove --collection eng pc-0017 --what-if")
@click.argument("hosts", metavar="HOST...", nargs=-1, required=True)
@collection_options
@removal_options("Remove assigned hosts too, whose assignments end, and do not ask.")
@output_option()
@passed
def remove(
    invocation: Invocation,
    *,
    collection: str,
    hosts: tuple[str, ...],
    removal: Removal,
    output: str,
) -> None:
    """Remove hosts from a collection; `-` reads their names from stdin, one a line.

    All or nothing, 10,000 at a time; prints what they were. Assigned hosts are only removed with
    --force. With `-` there is no terminal to ask on, so give --yes or --force too.
    """
    batches = list(_batches(_ids(hosts, collection)))

    def attempt(validate_only: bool) -> list[Host]:
        ended: list[Host] = []
        for batch in batches:
            ended += invocation.client.remove_hosts(
                collection, batch, force=removal.force, validate_only=validate_only
            ).hosts
        return ended

    removed = removal.run(attempt, lambda plan: _question(plan, collection))
    invocation.say(f"{removal.verb('remove', 'removed')} {counted(len(removed), 'host')}")
    show_all(map(record, removed), VIEW, output)


def _question(hosts: list[Host], collection: str) -> str:
    named = ", ".join(last_segment(one.name) for one in hosts[:_MAX_NAMED])
    more = f" and {len(hosts) - _MAX_NAMED} more" if len(hosts) > _MAX_NAMED else ""
    return f"Remove {named}{more} from collection {names.parse(collection).id}?"


def _ids(given: tuple[str, ...], collection: str) -> Iterator[str]:
    for one in given:
        lines: Iterable[str] = sys.stdin if one == "-" else [one]
        for line in lines:
            if line.strip():
                yield _id(line.strip(), collection)


def _id(host: str, collection: str) -> str:
    # What `-o name` prints is taken back.
    if "/" not in host:
        return host
    name = names.parse(host.lstrip("/"), names.Kind.HOST, field="host")
    if str(name.collection) != collection:
        raise click.UsageError(f"{host} is not in {collection}.")
    return name.id


def _batches(ids: Iterator[str]) -> Iterator[list[str]]:
    every = list(ids)
    if not every:
        raise click.UsageError("stdin holds no host names.")
    for start in range(0, len(every), _MAX_HOSTS):
        yield every[start : start + _MAX_HOSTS]
