"""What goes to stdout, in one of five forms.

`table` is for people and may change; on a terminal rich draws it. `json` and `yaml` carry the whole
message under its proto names, times in ISO 8601; `csv` the columns of the table under proto names;
`name` one resource name a line, which other commands take.
"""

from __future__ import annotations

import csv
import io
import json
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from deskhold.spreadsheets import defused

if TYPE_CHECKING:
    from google.protobuf.message import Message

FORMATS = ("table", "json", "yaml", "csv", "name")
Record = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a table.

    Attributes:
        path: Where its value lies in the record: `principal.id`.
        title: Its heading in tables.
        cell: Turns the value into the text of a table cell.
    """

    path: str
    title: str
    cell: Callable[[Any], str] | None = None

    def value(self, record: Record) -> Any:
        """Return its value; None where the record has none."""
        value: Any = record
        for key in self.path.split("."):
            value = value.get(key) if isinstance(value, dict) else None
        return value

    def text(self, record: Record) -> str:
        """Return the text of a table cell."""
        value = self.value(record)
        return self.cell(value) if self.cell and value is not None else _plain(value)


@dataclass(frozen=True, slots=True)
class View:
    """How one kind of thing is shown.

    Attributes:
        columns: Its columns.
        name: The path of what `-o name` prints.
    """

    columns: tuple[Column, ...]
    name: str = "name"


def counted(number: int, noun: str) -> str:
    """Return `1 host`, `2 hosts`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def output_option(*formats: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Add `-o`, which arrives as `output`."""
    return click.option(
        "-o",
        "--output",
        type=click.Choice(formats or FORMATS),
        default="table",
        show_default=True,
        help="Form of the output.",
    )


def record(message: Message, **more: Any) -> Record:
    """Return a message as JSON has it, under its proto names; what is not set is there too."""
    from google.protobuf.json_format import MessageToDict

    whole: Record = MessageToDict(
        message, preserving_proto_field_name=True, always_print_fields_with_no_presence=True
    )
    return whole | more


def show_all(records: Iterable[Record], view: View, output: str) -> None:
    """Print a list; an empty one is `[]` in JSON and YAML."""
    if output == "json":
        _json(list(records))
    elif output == "yaml":
        _yaml(list(records))
    elif output == "csv":
        _csv(records, view)
    elif output == "name":
        for one in records:
            click.echo(Column(view.name, "").text(one))
    else:
        _table(view, [[column.text(one) for column in view.columns] for one in records])


def show(one: Record, view: View, output: str) -> None:
    """Print a single thing; as a table, a line for each column."""
    if output == "json":
        _json(one)
    elif output == "yaml":
        _yaml(one)
    elif output == "table":
        pairs = [(f"{column.title}:", column.text(one)) for column in view.columns]
        _aligned(pairs)
    else:
        show_all([one], view, output)


def last_segment(name: str) -> str:
    """Return the id at the end of a resource name."""
    return name.rpartition("/")[2]


def moment(time: str) -> str:
    """Return a time of the JSON mapping to the second: people do not read microseconds."""
    return f"{time[:19]}Z"


def without(prefix: str) -> Callable[[str], str]:
    """Return what turns an enum value such as COLLECTION_TYPE_PERSONAL into `personal`.

    What is not specified is left empty: it does not apply, or an older service does not say it.
    """

    def said(value: str) -> str:
        name = value.removeprefix(prefix).lower()
        return "" if name == "unspecified" else name

    return said


def _plain(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(_plain(one) for one in value)
    return str(value)


def _machine(value: Any) -> str:
    if isinstance(value, list | dict):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, bool):
        return "true" if value else "false"
    return _plain(value)


def _json(value: Any) -> None:
    click.echo(json.dumps(value, indent=2, ensure_ascii=False))


def _yaml(value: Any) -> None:
    import yaml

    click.echo(yaml.safe_dump(value, sort_keys=False, allow_unicode=True), nl=False)


def _csv(records: Iterable[Record], view: View) -> None:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(column.path.replace(".", "_") for column in view.columns)
    writer.writerows([_cell(column.value(one)) for column in view.columns] for one in records)
    click.echo(text.getvalue(), nl=False)


def _cell(value: Any) -> str:
    """Return a cell that no spreadsheet runs as a formula; a negative number is none."""
    text = _machine(value)
    return defused(text) if isinstance(value, str) else text


def _table(view: View, rows: Sequence[Sequence[str]]) -> None:
    titles = [column.title for column in view.columns]
    if not sys.stdout.isatty():
        _aligned([titles, *rows])
        return
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, header_style="bold", pad_edge=False)
    for title in titles:
        table.add_column(title, overflow="fold")
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    Console().print(table)


def _aligned(rows: Sequence[Sequence[str]]) -> None:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        click.echo("  ".join(cells).rstrip())
