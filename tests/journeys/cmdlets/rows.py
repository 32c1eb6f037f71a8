"""The rows of the tables of docs/cmdlets.md, each with what it promises."""

from __future__ import annotations

import re
from dataclasses import dataclass

from tests.docs.cmdlets import RPCS, Cmdlet, cmdlets, fields_of
from tests.docs.tables import codes


@dataclass(frozen=True)
class Row:
    """One row: a parameter of a cmdlet, the field that carries it, the words on the command line.

    Attributes:
        cmdlet: The section it stands in.
        parameter: What names it: the first cell, or the option where no cmdlet has it.
        rpc: The RPC of the section, or the one that the row names instead.
        field: `Message.field` of the request; empty when nothing in the request carries it.
        values: The values of enums that the row names.
        words: What the row writes for the command line.
        spellings: Those of the words that stand for the same: an option and its other names.
    """

    cmdlet: Cmdlet
    parameter: str
    rpc: str
    field: str
    values: frozenset[str]
    words: tuple[str, ...]
    spellings: tuple[str, ...]

    @property
    def key(self) -> tuple[str, str]:
        """What is found only once in the document."""
        return self.cmdlet.name, self.parameter

    def __str__(self) -> str:
        return " ".join(self.key)


def _row(cmdlet: Cmdlet, cells: dict[str, str]) -> Row:
    words = codes(cells["Command line"])
    parameter = cells["Parameter"].replace("`", "")
    return Row(
        cmdlet=cmdlet,
        parameter=words[0] if parameter == "none" else parameter,
        rpc=rpc[1] if (rpc := re.search(r"`(\w+Service\.\w+)`", cells["Field"])) else cmdlet.rpc,
        field=_field(cmdlet.rpc, cells["Field"]),
        values=frozenset(re.findall(r"`([A-Z_]{2,})`", cells["Field"])),
        words=tuple(words),
        spellings=(words[0], *re.findall(r", or `([^`]+)`", cells["Command line"])),
    )


def _field(rpc: str, cell: str) -> str:
    if named := re.match(r"`(\w+\.\w+)`", cell):
        return named[1]
    if cell.startswith("none"):
        return ""
    # `in the name`, and what the command looks up: the one field of the request that is a name.
    (name,) = (one for one in fields_of(rpc) if one.endswith(".name"))
    return name


ROWS = [_row(cmdlet, cells) for cmdlet in cmdlets() for cells in cmdlet.rows]


def fields_named_like_options(row: Row) -> set[str]:
    """Return the fields of the row's request that are called as its options are."""
    options = {one.lstrip("-").replace("-", "_") for one in row.words}
    return options & {field.name for field in RPCS[row.rpc].input_type.fields}
