"""`deskhold audit`: who changed what, and which decisions were taken."""

from __future__ import annotations

import base64
import json
from itertools import islice
from typing import Any

import click

from deskhold.cli import exits, times
from deskhold.cli.invocation import Invocation, passed
from deskhold.cli.output import Column, View, moment, output_option, record, show, show_all
from deskhold.cli.tree import Group

# An import is one entry with thousands of changes; -o json has them all.
_MAX_SHOWN = 3


def _changes(changes: list[dict[str, Any]]) -> str:
    shown = [_change(one["kind"], one["row"]) for one in changes[:_MAX_SHOWN]]
    more = len(changes) - len(shown)
    return ", ".join([*shown, f"and {more} more"] if more else shown)


def _change(kind: str, row: dict[str, Any]) -> str:
    verb, _, noun = kind.partition("_")
    sign = {"add": "+", "remove": "-"}.get(verb, verb)
    who = row.get("principal_key") or row.get("member_key") or row.get("group_key")
    name = row.get("display_name") if noun == "role_definition" else None
    where = f" at {row['scope']}" if noun == "role_assignment" else ""
    where = f" in {row['group_key']}" if noun == "group_member" else where
    what = who or name or row.get("path", "")
    what = what.removeprefix("group:") if noun == "group" else what
    return f"{sign} {noun.replace('_', ' ')} {what}{where}"


def _hex(base64_text: str) -> str:
    return base64.b64decode(base64_text).hex()


_ENTRY = View(
    (
        Column("revision", "REVISION"),
        Column("time", "TIME", moment),
        Column("actor", "ACTOR"),
        Column("changes", "CHANGES", _changes),
        Column("request_id", "REQUEST"),
    ),
    name="revision",
)
_VERDICT = View(
    (
        Column("intact", "INTACT"),
        Column("verified_count", "ENTRIES THAT FIT"),
        Column("first_bad_revision", "FIRST THAT DOES NOT"),
        Column("problem", "PROBLEM"),
        Column("head_hash", "HEAD", _hex),
    ),
    name="first_bad_revision",
)
_DECISION = View(
    (
        Column("time", "TIME", moment),
        Column("allowed", "ALLOWED"),
        Column("principal", "PRINCIPAL"),
        Column("action", "ACTION"),
        Column("scope", "SCOPE"),
        Column("caller", "ASKED BY"),
        Column("decision_id", "DECISION"),
    ),
    name="decision_id",
)
_limit = click.option(
    "--limit", type=click.IntRange(1), metavar="N", help="At most so many; all when not given."
)


@click.group(cls=Group)
def audit() -> None:
    """Who changed what in the policy, and which decisions were taken."""


@audit.command(example="deskhold audit log --actor user:alice@contoso.com -o json")
@click.option("--after", type=click.IntRange(0), default=0, metavar="N", help="After revision N.")
@click.option("--actor", metavar="A", default="", help="Only by this actor, as kind:id.")
@click.option("--since", type=times.time, help="From this time on.")
@click.option("--before", type=times.time, help="Before this time.")
@_limit
@output_option()
@passed
def log(
    invocation: Invocation,
    *,
    after: int,
    actor: str,
    since: Any,
    before: Any,
    limit: int | None,
    output: str,
) -> None:
    """List the changes of the policy, oldest first: each a revision, by one actor."""
    found = invocation.client.list_log_entries(
        after_revision=after, actor=actor, start_time=since, end_time=before
    )
    show_all(map(record, islice(found, limit)), _ENTRY, output)


@audit.command(example="deskhold audit verify")
@output_option()
@passed
def verify(invocation: Invocation, *, output: str) -> None:
    """Recompute the chain of hashes over all changes.

    The exit code is 1 when it is broken; the first entry that does not fit is named. Keep the head
    elsewhere, to notice when entries are cut off.
    """
    answer = invocation.client.verify_log()
    intact = not answer.first_bad_revision
    show(record(answer, intact=intact), _VERDICT, output)
    if not intact:
        click.echo(
            f"the log is broken at revision {answer.first_bad_revision}: {answer.problem}", err=True
        )
        click.get_current_context().exit(exits.FAILED)


@audit.command(example="deskhold audit decisions --denied --principal user:bob@contoso.com")
@click.option("--denied", is_flag=True, help="Only denials.")
@click.option("--principal", metavar="P", default="", help="Only about this one, as kind:id.")
@click.option("--decision", metavar="ID", default="", help="Only this one, as refusals name it.")
@_limit
@output_option()
@passed
def decisions(
    invocation: Invocation,
    *,
    denied: bool,
    principal: str,
    decision: str,
    limit: int | None,
    output: str,
) -> None:
    """List decisions, newest first: all denials, all on mutations, a sample of the others."""
    found = invocation.client.list_decisions(
        decision_id=decision, principal=principal, denied_only=denied
    )
    show_all(map(record, islice(found, limit)), _DECISION, output)


@audit.command(example="deskhold audit watch --after 0")
@click.option("--after", type=click.IntRange(0), metavar="N", help="Begin after revision N.")
@passed
def watch(invocation: Invocation, *, after: int | None) -> None:
    """Print each change of the policy as it is made, as a line of JSON; ends when interrupted.

    Without --after it begins with what comes from now on. When the service is away for a while, it
    goes on where it stood.
    """
    for event in invocation.client.watch(after_revision=after or 0, from_now=after is None):
        if event.HasField("entry"):
            click.echo(json.dumps(record(event.entry), ensure_ascii=False))
