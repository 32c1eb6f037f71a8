"""Cells of CSV files as spreadsheets take them: text stays text and is never run as a formula.

A cell that begins with `=`, `+`, `-`, `@`, a tab or a carriage return is a formula to spreadsheets
(OWASP, CSV injection). An apostrophe in front of it makes it text.
"""

from __future__ import annotations

import re
from typing import Final

_FORMULA: Final = re.compile(r"'*[=+\-@\t\r]")
_DEFUSED: Final = re.compile(r"'+[=+\-@\t\r]")


def defused(text: str) -> str:
    """Return a cell's text so that no spreadsheet runs it; `restored` returns what it was."""
    return f"'{text}" if _FORMULA.match(text) else text


def restored(cell: str) -> str:
    """Return the text of a cell that may be defused."""
    return cell[1:] if _DEFUSED.match(cell) else cell
