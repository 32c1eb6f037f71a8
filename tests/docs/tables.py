"""The tables of a Markdown document, by the heading they stand under."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
_CODE = re.compile(r"`([^`]+)`")


@dataclass(frozen=True)
class Table:
    """One table: a row is a dictionary from column title to cell."""

    heading: str
    rows: tuple[dict[str, str], ...]


def read(path: str) -> list[Table]:
    """Return the tables of a document in their order."""
    return list(_tables((ROOT / path).read_text("utf-8").splitlines()))


def table(path: str, heading: str) -> Table:
    """Return the one table below a heading."""
    (found,) = (one for one in read(path) if one.heading == heading)
    return found


def codes(cell: str) -> list[str]:
    """Return what stands between backticks."""
    return _CODE.findall(cell)


def code(cell: str) -> str:
    """Return the one thing that stands between backticks."""
    (found,) = codes(cell)
    return found


def _tables(lines: list[str]) -> Iterator[Table]:
    heading = ""
    rows: list[list[str]] = []
    for line in [*lines, ""]:
        if line.startswith("|"):
            rows.append([cell.strip() for cell in line.strip().strip("|").split("|")])
            continue
        if rows:
            titles, _, *rest = rows
            yield Table(heading, tuple(dict(zip(titles, row, strict=True)) for row in rest))
            rows = []
        if line.startswith("#"):
            heading = line.lstrip("#").strip()
