"""`deskhold assignment import` and `export`: assignments as files."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import click

from deskhold.cli import exits
from deskhold.cli.files import write_atomically
from deskhold.cli.flags import collection_options
from deskhold.cli.invocation import Invocation, passed
from deskhold.cli.output import (
    Column,
    View,
    counted,
    output_option,
    record,
    show,
    show_all,
    without,
)
from deskhold.cli.tree import Command
from deskhold.errors import InvalidArgument

if TYPE_CHECKING:
    from deskhold.api.broker.v1.assignments_pb2 import ImportAssignmentsResponse

_ROWS = View(
    (
        Column("line", "LINE"),
        Column("host", "HOST"),
        Column("user", "USER"),
        Column("outcome", "OUTCOME", without("ROW_OUTCOME_")),
        Column("reason", "REASON"),
        Column("message", "MESSAGE"),
    ),
    name="line",
)
_SUMMARY = View(
    (
        Column("assigned_count", "ASSIGNED"),
        Column("unchanged_count", "UNCHANGED"),
        Column("rejected_count", "REJECTED"),
        Column("removed", "REMOVED", lambda removed: str(len(removed))),
    )
)


@click.command(
    "import",
    cls=Command,
    example="deskhold assignment import --collection eng assignments.csv --validate-only",
)
@click.argument("file", type=click.File("rb"))
@collection_options
@click.option(
    "--replace",
    is_flag=True,
    help="End every assignment that the file does not hold, and move what stands in the way.",
)
@click.option("--validate-only", is_flag=True, help="Write nothing, say what would be done.")
@output_option("table", "json", "yaml", "csv")
@passed
def import_(
    invocation: Invocation,
    *,
    collection: str,
    file: BinaryIO,
    replace: bool,
    validate_only: bool,
    output: str,
) -> None:
    """Import assignments from FILE, all or nothing; `-` is stdin.

    Takes CSV with host and user, in either order when a header says so; UTF-8 or UTF-16; comma,
    tab or semicolon. When rows are rejected nothing is written, and each is printed with its line
    and the reason (with -o json, yaml or csv all rows are); the exit code is 1.
    """
    content = file.read()
    if not content:
        raise click.UsageError(f"{file.name} is empty; give a row 'host,user' per assignment.")
    client = invocation.client
    try:
        with _progress("importing"):
            done = client.import_assignments(
                collection, content, replace=replace, validate_only=validate_only
            )
    except InvalidArgument as error:
        if error.reason != "IMPORT_REJECTED":
            raise
        verdicts = client.import_assignments(
            collection, content, replace=replace, validate_only=True
        )
        _show(verdicts, output)
        error.violations = ()  # the verdicts say it
        raise
    _show(done, output)
    if done.rejected_count:
        invocation.say(f"{done.rejected_count} of {len(done.rows)} rows would be rejected")
        click.get_current_context().exit(exits.FAILED)


@click.command(
    "export", cls=Command, example="deskhold assignment export --collection eng assignments.csv"
)
@click.argument("file", type=click.Path(dir_okay=False, allow_dash=True, path_type=Path))
@collection_options
@passed
def export(invocation: Invocation, *, collection: str, file: Path) -> None:
    """Export the assignments of a collection to FILE as CSV; `-` is stdout.

    The file is there whole or not at all. `deskhold assignment import` reads it.
    """
    done = invocation.client.export_assignments(collection)
    if str(file) == "-":
        click.echo(done.content, nl=False)
        return
    try:
        write_atomically(file, done.content)
    except OSError as error:
        raise click.FileError(str(file), error.strerror) from error
    invocation.say(f"exported {counted(done.row_count, 'assignment')} to {file}")


def _show(done: ImportAssignmentsResponse, output: str) -> None:
    whole = record(done)
    if output in ("json", "yaml"):
        show(whole, _SUMMARY, output)
    elif output == "csv":
        show_all(whole["rows"], _ROWS, output)
    elif done.rejected_count:
        rejected = [row for row in whole["rows"] if row["outcome"] == "ROW_OUTCOME_REJECTED"]
        show_all(rejected, _ROWS, output)
    else:
        show(whole, _SUMMARY, output)


@contextmanager
def _progress(doing: str) -> Iterator[None]:
    if not sys.stderr.isatty():
        yield
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    # One call, so nobody knows how far it is: the bar pulses.
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        progress.add_task(doing, total=None)
        yield
