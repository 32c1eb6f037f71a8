"""The hosts that a command line names: ids, full names, or lines of stdin."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator

import click

from deskhold import names

# What one call of the service takes.
_MAX_HOSTS = 10_000


def batches(given: Iterable[str], collection: str) -> list[list[str]]:
    """Return the ids of the hosts of a collection, as many together as a call takes.

    Args:
        given: Ids, full names, or `-` for lines of stdin.
        collection: Full name of the collection.

    Raises:
        UsageError: A host is of another collection, or stdin names none.
        InvalidArgument: A full name is none.
    """
    every = list(_ids(given, collection))
    if not every:
        raise click.UsageError("stdin holds no host names.")
    return [every[start : start + _MAX_HOSTS] for start in range(0, len(every), _MAX_HOSTS)]


def _ids(given: Iterable[str], collection: str) -> Iterator[str]:
    for one in given:
        lines: Iterable[str] = sys.stdin if one == "-" else [one]
        for line in lines:
            if line.strip():
                yield host_id(line.strip(), collection)


def host_id(host: str, collection: str) -> str:
    """Return the id of a host of a collection, given by id or full name.

    Raises:
        UsageError: It is of another collection.
        InvalidArgument: A full name is none.
    """
    # What `-o name` prints is taken back.
    if "/" not in host:
        return host
    name = names.parse(host.lstrip("/"), names.Kind.HOST, field="host")
    if str(name.collection) != collection:
        raise click.UsageError(f"{host} is not in {collection}.")
    return name.id
