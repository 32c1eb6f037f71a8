"""Assignment files as administrators bring them: text in, rows out, and the other way.

The layout of the originals' files is documented nowhere; what is read here is what exports,
spreadsheets and scripts produce (`design.md` 4.3).
"""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from deskhold.spreadsheets import defused, restored

HEADER = ("DesktopName", "User")
_HOST_TITLES = frozenset(
    {"desktopname", "name", "sessionhost", "virtualdesktopname", "computername", "host", "hostname"}
)
_USER_TITLES = frozenset({"user", "username", "assigneduser"})
_DELIMITERS = (",", "\t", ";")
# What PowerShell (`#TYPE System.Object`) and Excel (`sep=;`) put before the header.
_PREAMBLE = re.compile(r"#TYPE |sep=", re.IGNORECASE)
_UNDECODED = re.compile("[\udc80-\udcff]")
# No user is longer, and no host; what is not a list of them must not be quoted at length.
_MAX_CELL = 256


@dataclass(frozen=True, slots=True)
class FileRow:
    """One row of a file.

    Attributes:
        line: Its line, from 1.
        host_id: What it gives as the host.
        user: What it gives as the user.
        problem: Why it is no row of host and user; empty when it is one.
    """

    line: int
    host_id: str
    user: str
    problem: str = ""


def read_rows(content: bytes, *, most: int | None = None) -> list[FileRow]:
    """Return the rows of a file in order; the header and empty lines are left out.

    Encoding, delimiter, header and column order are recognised: UTF-8 and UTF-16 with or without
    byte order mark, LF and CRLF, comma, tab and semicolon. Without a header the first row decides
    the order: a user has a backslash or an `@`, which no host id has; host first when that does
    not tell.

    Args:
        content: The file.
        most: Stop after this many rows.
    """
    text = _decode(content)
    lines = _records(text, _delimiter(text))
    first = next((one for one in lines if not _PREAMBLE.match(one[1][0] if one[1] else "")), None)
    if first is None:
        return []
    columns = _columns(first[1])
    rows = [] if columns.by_header else [_row(*first, columns)]
    rest = islice(lines, None if most is None else most - len(rows))
    return rows + [_row(line, cells, columns) for line, cells in rest]


def write_rows(rows: Iterable[tuple[str, str]]) -> bytes:
    """Return UTF-8 CSV with the header `DesktopName,User` and a row per (host id, user).

    What a spreadsheet would run as a formula is defused, and restored by `read_rows`.
    """
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(HEADER)
    writer.writerows(map(defused, row) for row in rows)
    return out.getvalue().encode()


@dataclass(frozen=True, slots=True)
class _Columns:
    host: int
    user: int
    count: int
    by_header: bool


def _decode(content: bytes) -> str:
    for mark, encoding in ((codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be")):
        if content.startswith(mark):
            return content[len(mark) :].decode(encoding, errors="replace")
    # No text of hosts and users holds NULs, but every ASCII character of UTF-16 brings one.
    if content[1:2] == b"\0":
        return content.decode("utf-16-le", errors="replace")
    if content[:1] == b"\0":
        return content.decode("utf-16-be", errors="replace")
    # What is not UTF-8 is kept as surrogates, so that the row it stands in can be named.
    return content.removeprefix(codecs.BOM_UTF8).decode("utf-8", errors="surrogateescape")


def _delimiter(text: str) -> str:
    lines = io.StringIO(text)
    first = next((line for line in lines if line.strip() and not _PREAMBLE.match(line)), "")
    unquoted = re.sub(r'"[^"]*"', "", first)
    return max(_DELIMITERS, key=unquoted.count)


def _records(text: str, delimiter: str) -> Iterator[tuple[int, Sequence[str]]]:
    """Yield each record with its line; one that cannot be cut into cells has none."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, skipinitialspace=True)
    while True:
        # A quoted cell may span lines: the record begins where the one before ended.
        line = reader.line_num + 1
        try:
            cells = [restored(cell.strip()) for cell in next(reader)]
        except StopIteration:
            return
        except csv.Error:  # a cell without an end: an open quote, or no such file at all
            yield line, ()
            continue
        if any(cells):
            yield line, cells


def _columns(cells: Sequence[str]) -> _Columns:
    titles = [re.sub(r"[\s_\[\]]", "", cell).lower() for cell in cells]
    hosts = [number for number, title in enumerate(titles) if title in _HOST_TITLES]
    users = [number for number, title in enumerate(titles) if title in _USER_TITLES]
    if hosts and users:
        return _Columns(hosts[0], users[0], len(cells), by_header=True)
    user_first = len(cells) == 2 and _looks_like_user(cells[0]) and not _looks_like_user(cells[1])
    return _Columns(int(user_first), int(not user_first), 2, by_header=False)


def _row(line: int, cells: Sequence[str], columns: _Columns) -> FileRow:
    host_id = cells[columns.host] if columns.host < len(cells) else ""
    user = cells[columns.user] if columns.user < len(cells) else ""
    return FileRow(line, _shown(host_id), _shown(user), _problem(cells, columns, host_id, user))


def _problem(cells: Sequence[str], columns: _Columns, host_id: str, user: str) -> str:
    if not cells or max(len(host_id), len(user)) > _MAX_CELL:
        return f"has a cell of more than {_MAX_CELL} characters; perhaps a quote is not closed"
    if len(cells) != columns.count:
        given = "1 column" if len(cells) == 1 else f"{len(cells)} columns"
        return f"has {given} instead of {columns.count}"
    if any(_UNDECODED.search(cell) or "\ufffd" in cell for cell in cells):
        return "is neither UTF-8 nor UTF-16; save the file in one of them"
    if not host_id:
        return "has no host"
    if not user:
        return "has no user"
    return ""


def _looks_like_user(cell: str) -> bool:
    return "\\" in cell or "@" in cell


def _shown(cell: str) -> str:
    return _UNDECODED.sub("\ufffd", cell[:_MAX_CELL])
