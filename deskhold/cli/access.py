"""`deskhold whoami`, `can-i` and `explain`: who is calling, what they may do, and why."""

from __future__ import annotations

import click

from deskhold.cli import exits
from deskhold.cli.invocation import Invocation, passed
from deskhold.cli.output import (
    Column,
    Record,
    View,
    moment,
    output_option,
    record,
    show,
    show_all,
    without,
)
from deskhold.cli.principals import words
from deskhold.cli.question import Question, question_options
from deskhold.cli.tree import Command

_WHOAMI = View(
    (
        Column("principal.id", "PRINCIPAL"),
        Column("principal.kind", "KIND", without("PRINCIPAL_KIND_")),
        Column("principal.directory", "DIRECTORY"),
        Column("group_ids", "GROUPS"),
        Column("expire_time", "EXPIRES", moment),
    ),
    name="principal.id",
)
_CAN_I = View(
    (
        Column("allowed", "ALLOWED"),
        Column("action", "ACTION"),
        Column("scope", "SCOPE"),
        Column("role_assignment", "DECIDED BY"),
        Column("decision_id", "DECISION"),
        Column("revision", "REVISION"),
    ),
    name="role_assignment",
)
_REASONS = View(
    (
        Column("verdict", "VERDICT"),
        Column("role_display_name", "ROLE"),
        Column("scope", "SCOPE"),
        Column("message", "WHY"),
        Column("role_assignment", "ROLE ASSIGNMENT"),
    ),
    name="role_assignment",
)
# What a help desk can do about each near miss.
_ADVICE = {
    "OTHER_SCOPE": "assign that role here too, or use the scope where it is held",
    "OTHER_ACTION": "assign a role that allows the action; 'deskhold role list' shows them",
    "EXCLUDED": "assign another role that allows it; the exclusion is no prohibition",
    "EXPIRED": "assign it again",
    "NOT_STARTED": "wait, or assign it from now on",
    "NOT_IN_GROUP": "add the user to that group",
    "UNKNOWN_ACTION": "look it up with 'deskhold role actions'",
    "NO_ROLE": "assign a role with 'deskhold role-assignment create'",
}


@click.command(cls=Command, example="deskhold whoami -o json")
@output_option()
@passed
def whoami(invocation: Invocation, *, output: str) -> None:
    """Say who the services take you for, and until when."""
    show(record(invocation.client.who_am_i()), _WHOAMI, output)


@click.command(
    "can-i",
    cls=Command,
    short_help="Say whether you may do something somewhere.",
    example="deskhold can-i deskhold.resources/hosts/write --collection eng",
)
@question_options
@click.option(
    "--token",
    "tokens",
    metavar="REVISION_TOKEN",
    multiple=True,
    help="Answer from at least this revision, not from the newest; -o json prints the next token.",
)
@output_option()
@passed
def can_i(
    invocation: Invocation, *, question: Question, tokens: tuple[str, ...], output: str
) -> None:
    """Say whether you may do ACTION there, and by which role assignment.

    Without a scope it asks for the whole deployment, without a principal about you. The exit code
    is 0 for yes and 4 for no.
    """
    answer = invocation.client.check_access(
        question.action,
        question.scope,
        principal=question.principal,
        group_ids=question.group_ids,
        at_least_as_fresh=tokens,
    )
    allowed = record(answer)["decision"] == "DECISION_ALLOW"
    if output == "table":
        click.echo(f"yes, by {answer.role_assignment}" if allowed else "no")
    else:
        more = {"allowed": allowed, "action": question.action, "scope": question.scope}
        show(record(answer, **more), _CAN_I, output)
    _leave(allowed)


@click.command(
    cls=Command,
    short_help="Say why somebody may do something somewhere, or why not.",
    example="deskhold explain deskhold.resources/hosts/write --user bob@contoso.com --tenant hr",
)
@question_options
@output_option()
@passed
def explain(invocation: Invocation, *, question: Question, output: str) -> None:
    """Say why you, or another, may do ACTION there; or what comes nearest to it.

    Without a scope it asks for the whole deployment. The exit code is 0 for yes and 4 for no.
    """
    whole = record(
        invocation.client.explain_access(
            question.action,
            question.scope,
            principal=question.principal,
            group_ids=question.group_ids,
        )
    )
    allowed = whole["answer"]["decision"] == "DECISION_ALLOW"
    if output in ("json", "yaml"):
        show(whole | {"allowed": allowed}, _REASONS, output)
    elif output == "table":
        _tell(question, whole, allowed)
    else:
        show_all(_reasons(whole, allowed), _REASONS, output)
    _leave(allowed)


def _tell(question: Question, whole: Record, allowed: bool) -> None:
    if allowed:
        click.echo(f"yes: {question.sentence('may do')}")
        for grant in whole["grants"]:
            click.echo(f"  {_path(grant)}")
            click.echo(f"    {grant['role_assignment']}")
        return
    click.echo(f"no: {question.sentence('may not do')}")
    for miss in whole["near_misses"]:
        click.echo(f"  {miss['message'].rstrip('.')}")
        advice = _ADVICE.get(_reason(miss))
        if advice:
            click.echo(f"    to change that: {advice}")


def _path(grant: Record) -> str:
    inherited = ", inherited from there" if grant["inherited"] else ""
    through = words(grant["through_groups"])
    ends = grant.get("expire_time")
    return (
        f"by the role {grant['role_display_name']}, assigned at {grant['scope']}{inherited}"
        + (f", through {through}" if through else "")
        + (f", until {moment(ends)}" if ends else "")
    )


def _reasons(whole: Record, allowed: bool) -> list[Record]:
    if allowed:
        return [grant | {"verdict": "ALLOW", "message": _path(grant)} for grant in whole["grants"]]
    return [miss | {"verdict": _reason(miss)} for miss in whole["near_misses"]]


def _reason(miss: Record) -> str:
    return str(miss["reason"]).removeprefix("NEAR_MISS_REASON_")


def _leave(allowed: bool) -> None:
    if not allowed:
        click.get_current_context().exit(exits.DENIED)
