"""`deskhold watch`: what changes, as it changes."""

from __future__ import annotations

import json
from collections.abc import Callable

import click

from deskhold.cli.flags import collection_name, tenant_name, tenant_options
from deskhold.cli.invocation import Invocation, passed
from deskhold.cli.output import Record, moment, output_option, record, without
from deskhold.cli.tree import Command

_KINDS = ("collection", "app-group", "host", "assignment", "session")
_kind: Callable[[str], str] = without("RESOURCE_KIND_")
_NAMELESS = frozenset({"kind", "name"})


@click.command(
    cls=Command,
    short_help="Print each change of a collection or tenant as it is made.",
    example="deskhold watch --collection eng --kind assignment -o json",
)
@click.option(
    "--collection", "--host-pool", metavar="C", help="A collection; the tenant when not given."
)
@tenant_options
@click.option(
    "--kind",
    "kinds",
    multiple=True,
    type=click.Choice(_KINDS),
    help="Only of this kind; once for each. All when not given.",
)
@click.option(
    "--from",
    "position",
    metavar="POSITION",
    default="",
    help="What follows this position of an earlier watch.",
)
@output_option("table", "json")
@passed
def watch(
    invocation: Invocation,
    *,
    collection: str | None,
    tenant_group: str | None,
    tenant: str | None,
    kinds: tuple[str, ...],
    position: str,
    output: str,
) -> None:
    """Print each change in a collection or tenant as it is made; ends when interrupted.

    Without --from it begins with what comes from now on. With -o json, each is a line with its
    position and the resource as it is now; none, when it is gone. When the service is away for a
    while, it goes on where it stood.
    """
    if collection:
        parent = collection_name(collection, tenant_group, tenant)
    else:
        parent = tenant_name(tenant_group, tenant)
    wanted = [kind.replace("-", "_") for kind in kinds]
    for answer in invocation.client.watch_resources(parent, kinds=wanted, position=position):
        if answer.HasField("change"):
            line = record(answer)
            click.echo(json.dumps(line, ensure_ascii=False) if output == "json" else _text(line))


def _text(line: Record) -> str:
    change = line["change"]
    happened = "changed" if change.keys() - _NAMELESS else "gone"
    return "  ".join((moment(line["time"]), _kind(change["kind"]), happened, change["name"]))
