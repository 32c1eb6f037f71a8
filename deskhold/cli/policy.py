"""`deskhold policy export` and `import`: who may do what, as a file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, TextIO

import click

from deskhold.cli.files import write_atomically
from deskhold.cli.flags import ScopeFlags, scope_options
from deskhold.cli.invocation import Invocation, passed
from deskhold.cli.output import Column, Record, View, output_option, record, show, show_all
from deskhold.cli.policy_files import format_policy, parse_policy
from deskhold.cli.policy_test import test
from deskhold.cli.principals import word
from deskhold.cli.removal import Removal, refuse_without_terminal
from deskhold.cli.role_files import load
from deskhold.cli.tree import Group

if TYPE_CHECKING:
    from deskhold.api.rbac.v1.policies_pb2 import ImportPolicyResponse

_CHANGES = View((Column("sign", "SIGN"), Column("subject", "SUBJECT")), name="subject")


@click.group(cls=Group)
def policy() -> None:
    """The policy as a file: custom roles, groups, role assignments; and tests of it."""


@policy.command(example="deskhold policy export --tenant hr hr.yaml")
@click.argument(
    "file", default="-", type=click.Path(dir_okay=False, allow_dash=True, path_type=Path)
)
@scope_options
@passed
def export(invocation: Invocation, *, file: Path, where: ScopeFlags) -> None:
    """Export the policy at a scope and below it to FILE as YAML; stdout when it is not given.

    Without a scope, the whole deployment's, custom roles and groups included. The file is there
    whole or not at all. `deskhold policy import` reads it.
    """
    found = invocation.client.export_policy(where.or_deployment())
    text = format_policy(found)
    if str(file) == "-":
        click.echo(text, nl=False)
        return
    try:
        write_atomically(file, text.encode())
    except OSError as error:
        raise click.FileError(str(file), error.strerror) from error
    invocation.say(
        f"exported {len(found.role_definitions)} roles, {len(found.groups)} groups and"
        f" {len(found.role_assignments)} role assignments to {file}"
    )


@policy.command("import", example="deskhold policy import policy.yaml --replace --dry-run")
@click.argument("file", type=click.File("r"))
@click.option("--replace", is_flag=True, help="Remove what the file does not hold, after asking.")
@click.option("--dry-run", is_flag=True, help="Change nothing, say what would change.")
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@scope_options
@output_option()
@passed
def import_(
    invocation: Invocation,
    *,
    file: TextIO,
    replace: bool,
    dry_run: bool,
    yes: bool,
    where: ScopeFlags,
    output: str,
) -> None:
    """Make the policy at a scope and below it what FILE says, all or nothing; `-` is stdin.

    Prints what changed (+ added, - removed, ~ changed), and who gains and who loses by it. Without
    --replace it only adds and changes. Without a scope it is the whole deployment's policy.
    """
    if replace and not (yes or dry_run):
        refuse_without_terminal("--yes to do it, --dry-run to see what would change")
    document = parse_policy(load(file.read(), file.name), file.name)
    scope = where.or_deployment()

    def attempt(validate_only: bool) -> ImportPolicyResponse:
        return invocation.client.import_policy(
            document, scope=scope, replace=replace, validate_only=validate_only
        )

    removal = Removal(force=False, yes=yes or not replace, what_if=dry_run)
    done = removal.run(attempt, _question)
    if output == "table":
        for line in _diff(done):
            click.echo(line)
    elif output in ("json", "yaml"):
        show(record(done), _CHANGES, output)
    else:
        show_all(record(done)["changes"], _CHANGES, output)
    would = "would be " if dry_run else ""
    invocation.say(f"{len(done.changes)} changes {would}made at {scope}")


policy.add_command(test)


def _question(would: ImportPolicyResponse) -> str:
    return "\n".join([*_diff(would), f"Make these {len(would.changes)} changes?"])


def _diff(done: ImportPolicyResponse) -> list[str]:
    whole = record(done)
    lines = [f"{one['sign']} {one['subject']}" for one in whole["changes"]]
    for change in whole["access_changes"]:
        lines += _effects(change)
    return lines or ["nothing changes"]


def _effects(change: Record) -> list[str]:
    who, where = word(change["principal"]), change["scope"]
    return [
        f"{who} {verb} at {where}: {', '.join(change[key])}"
        for key, verb in (("gained", "gains"), ("lost", "loses"))
        if change[key]
    ]
