"""`deskhold session`: who is signed in where, and what is to be done about it."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import wraps
from typing import TYPE_CHECKING, Any

import click

from deskhold.cli.flags import collection_name, collection_options, tenant_name, tenant_options
from deskhold.cli.host_names import host_id
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
    without,
)
from deskhold.cli.tree import Group

if TYPE_CHECKING:
    from deskhold.api.broker.v1.sessions_pb2 import SessionCommand

_STATES = (
    *("active", "connected", "connecting", "shadow", "disconnected"),
    *("idle", "listening", "reset", "down", "initializing"),
)
VIEW = View(
    (
        Column("name", "HOST", lambda name: name.split("/")[-3]),
        Column("name", "ID", last_segment),
        Column("user", "USER"),
        Column("state", "STATE", without("SESSION_STATE_")),
        Column("claim", "CLAIM", without("SESSION_CLAIM_")),
        Column("create_time", "SINCE", moment),
        Column("client_name", "CLIENT"),
    )
)
_WHOLE = View(
    (
        *VIEW.columns,
        Column("client_address", "CLIENT ADDRESS"),
        Column("application_id", "APPLICATION"),
        Column("disconnect_time", "DISCONNECTED", moment),
        Column("idle_duration", "IDLE"),
        Column("report_time", "LAST REPORT", moment),
    )
)
_COMMAND = View(
    (
        Column("name", "COMMAND", last_segment),
        Column("session", "SESSION", last_segment),
        Column("kind", "KIND", without("SESSION_COMMAND_KIND_")),
        Column("state", "STATE", without("SESSION_COMMAND_STATE_")),
        Column("result", "RESULT"),
        Column("create_time", "SINCE", moment),
    )
)


@click.group(cls=Group, short_help="Who is signed in where.")
def session() -> None:
    """Who is signed in where, as the agents of the hosts report it."""


@session.command("list", example="deskhold session list --collection eng --state disconnected")
@click.option("--collection", "--host-pool", metavar="C", help="Only of this collection.")
@click.option("--host", "on_host", metavar="H", help="Only on this host of the collection.")
@click.option("--user", metavar="U", default="", help="Only this user's.")
@click.option(
    "--state",
    "states",
    type=click.Choice(_STATES),
    multiple=True,
    help="Only in this state; may be repeated.",
)
@tenant_options
@output_option()
@passed
def list_(
    invocation: Invocation,
    *,
    collection: str | None,
    on_host: str | None,
    user: str,
    states: tuple[str, ...],
    tenant_group: str | None,
    tenant: str | None,
    output: str,
) -> None:
    """List the sessions of a collection, or of all collections of a tenant."""
    from deskhold.api.broker.v1.sessions_pb2 import SessionState

    if on_host and not collection:
        raise click.UsageError("--host goes with --collection.")
    parent = (
        collection_name(collection, tenant_group, tenant)
        if collection
        else tenant_name(tenant_group, tenant)
    )
    listed = invocation.client.list_sessions(
        parent,
        host_id=host_id(on_host, parent) if on_host else "",
        user=user,
        states=[SessionState.Value(f"SESSION_STATE_{one.upper()}") for one in states],
    )
    show_all(map(record, listed), VIEW, output)


def session_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add `--collection`, `--host` and ID, which arrive as one full name, `name`."""

    @wraps(function)
    def packed(*args: Any, collection: str, on_host: str, number: int, **kwargs: Any) -> Any:
        name = f"{collection}/hosts/{host_id(on_host, collection)}/sessions/{number}"
        return function(*args, name=name, **kwargs)

    needed = click.option("--host", "on_host", metavar="H", required=True, help="The host.")
    number = click.argument("number", metavar="ID", type=click.IntRange(min=0))
    return number(collection_options(needed(packed)))


@session.command("show", example="deskhold session show --collection eng --host pc-0017 3")
@session_options
@output_option()
@passed
def show_(invocation: Invocation, *, name: str, output: str) -> None:
    """Show one session."""
    show(record(invocation.client.get_session(name)), _WHOLE, output)


@session.command(example="deskhold session disconnect --collection eng --host pc-0017 3")
@session_options
@click.option("--force", is_flag=True, help="Do not ask; it never does.")
@output_option()
@passed
def disconnect(invocation: Invocation, *, name: str, force: bool, output: str) -> None:
    """Disconnect a session; its programs go on, and the user can take it up again."""
    _told(invocation, invocation.client.disconnect_session(name), output)


@session.command("log-off", example="deskhold session log-off --collection eng --host pc-0017 3")
@session_options
@click.option("--force", is_flag=True, help="Do not ask.")
@output_option()
@passed
def log_off(invocation: Invocation, *, name: str, force: bool, output: str) -> None:
    """Log a session off; its programs end, and what was not saved is lost.

    Asks on a terminal, and does not elsewhere.
    """
    if not force and sys.stdin.isatty() and sys.stderr.isatty():
        found = invocation.client.get_session(name)
        question = f"Log {found.user} off {name.split('/')[-3]}?"
        click.confirm(question, default=False, abort=True, err=True)
    _told(invocation, invocation.client.log_off_session(name), output)


@session.command(
    example="deskhold session message --collection eng --host pc-0017 3 --title Tonight"
    " --body 'We update at ten.'"
)
@session_options
@click.option("--title", metavar="T", required=True, help="Title of the message.")
@click.option("--body", metavar="B", required=True, help="Text of the message.")
@output_option()
@passed
def message(invocation: Invocation, *, name: str, title: str, body: str, output: str) -> None:
    """Show a message in a session."""
    _told(invocation, invocation.client.send_session_message(name, title=title, body=body), output)


@session.command(example="deskhold session command NAME -o json")
@click.argument("name", metavar="NAME")
@output_option()
@passed
def command(invocation: Invocation, *, name: str, output: str) -> None:
    """Show how far a command is; NAME is what the commands above print with -o name."""
    show(record(invocation.client.get_session_command(name.lstrip("/"))), _COMMAND, output)


def _told(invocation: Invocation, told: SessionCommand, output: str) -> None:
    invocation.say("the host's agent hears of it with its next report")
    show(record(told), _COMMAND, output)
