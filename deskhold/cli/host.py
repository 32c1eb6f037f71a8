"""`deskhold host`: the machines of a collection."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import TYPE_CHECKING, Any

import click

from deskhold import names
from deskhold.cli.flags import collection_options
from deskhold.cli.host_names import batches, host_id
from deskhold.cli.host_settings import setting_options
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
    without,
)
from deskhold.cli.removal import Removal, removal_options
from deskhold.cli.tree import Group

if TYPE_CHECKING:
    from deskhold.api.broker.v1.hosts_pb2 import Host

_MAX_NAMED = 10

VIEW = View(
    (
        Column("name", "NAME", last_segment),
        Column("assigned_user", "USER"),
        Column("status", "STATUS", without("HOST_STATUS_")),
        Column("new_connections", "NEW CONNECTIONS", without("NEW_CONNECTIONS_")),
        Column("session_count", "SESSIONS"),
        Column("address", "ADDRESS"),
        Column("port", "PORT"),
    )
)
_WHOLE = View(
    (
        *VIEW.columns,
        Column("friendly_name", "FRIENDLY NAME"),
        Column("relative_weight", "WEIGHT"),
        Column("session_limit", "SESSION LIMIT"),
        Column("heartbeat_time", "LAST REPORT", moment),
        Column("boot_id", "BOOT ID"),
        Column("agent_version", "AGENT"),
        Column("sign_in_count", "ON THE WAY"),
        Column("reservation.user", "RESERVED FOR"),
        Column("reservation.expire_time", "RESERVED UNTIL", moment),
        Column("quarantine_time", "QUARANTINED SINCE", moment),
        Column("administrator", "ADMINISTRATOR"),
        Column("applied_administrators", "ADMINISTRATORS REPORTED"),
        Column("health_checks", "HEALTH CHECKS", lambda checks: "; ".join(map(_check, checks))),
        Column("create_time", "ADDED", moment),
        Column("update_time", "CHANGED", moment),
    )
)
_CONDITIONS = {
    "assigned": "held by a user",
    "free": "that the next user can have",
    "draining": "that take no new sessions",
    "unhealthy": "whose agents say so, or are silent",
    "reserved": "kept for a user",
    "quarantined": "waiting to be confirmed as clean",
    "unmonitored": "without an agent",
    "rights_pending": "whose administrator is not who is to be",
}


@click.group(cls=Group)
def host() -> None:
    """The machines of a collection."""


@host.command(example="seq -f 'pc-%04g' 1000 | deskhold host add --collection eng -")
@click.argument("hosts", metavar="HOST...", nargs=-1, required=True)
@collection_options
@setting_options
@output_option()
@passed
def add(
    invocation: Invocation,
    *,
    collection: str,
    hosts: tuple[str, ...],
    settings: dict[str, Any],
    output: str,
) -> None:
    """Add hosts to a collection; `-` reads their names from stdin, one a line.

    All or nothing, 10,000 at a time. Hosts that are there already stay as they are.
    """
    from deskhold.api.broker.v1.hosts_pb2 import Host, NewHost

    added: list[Host] = []
    for batch in batches(hosts, collection):
        new = [NewHost(host_id=one, host=Host(**settings)) for one in batch]
        added += invocation.client.add_hosts(collection, new).hosts
    are = "1 host is" if len(added) == 1 else f"{len(added)} hosts are"
    invocation.say(f"{are} in collection {names.parse(collection).id}")
    show_all(map(record, added), VIEW, output)


def _condition_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add a flag for each condition; what is given arrives as `conditions`, by their names."""

    @wraps(function)
    def packed(*args: Any, **kwargs: Any) -> Any:
        given = [name for name in _CONDITIONS if kwargs.pop(name)]
        return function(*args, conditions=given, **kwargs)

    for name in reversed(_CONDITIONS):
        text = f"Only hosts {_CONDITIONS[name]}."
        packed = click.option(f"--{name.replace('_', '-')}", is_flag=True, help=text)(packed)
    return packed


@host.command("list", example="deskhold host list --collection eng --free -o csv")
@collection_options
@_condition_options
@output_option()
@passed
def list_(invocation: Invocation, *, collection: str, conditions: list[str], output: str) -> None:
    """List the hosts of a collection, who holds them and how they are.

    With several conditions, only hosts for which all of them hold.
    """
    from deskhold.api.broker.v1.hosts_pb2 import HostCondition

    given = [HostCondition.Value(f"HOST_CONDITION_{name.upper()}") for name in conditions]
    listed = invocation.client.list_hosts(collection, conditions=given)
    show_all(map(record, listed), VIEW, output)


@host.command("show", example="deskhold host show --collection eng pc-0017")
@click.argument("name", metavar="HOST")
@collection_options
@output_option()
@passed
def show_(invocation: Invocation, *, collection: str, name: str, output: str) -> None:
    """Show one host: what is decided of it, and what its agent says."""
    found = invocation.client.get_host(f"{collection}/hosts/{host_id(name, collection)}")
    show(record(found), _WHOLE, output)


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
    every = batches(hosts, collection)

    def attempt(validate_only: bool) -> list[Host]:
        ended: list[Host] = []
        for batch in every:
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


def _check(check: dict[str, str]) -> str:
    result = check["result"].removeprefix("HEALTH_CHECK_RESULT_").lower()
    said = f" ({check['message']})" if check["message"] else ""
    return f"{check['check']} {result}{said}"
