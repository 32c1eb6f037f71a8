from __future__ import annotations

import codecs
import csv
import io
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker_service.assignments.files import FileRow, read_rows, write_rows

ROWS = [("pc-1", "CONTOSO\\alice"), ("pc-2", "bob@contoso.com")]
PLAIN = "pc-1,CONTOSO\\alice\npc-2,bob@contoso.com\n"
TITLED = "DesktopName,User\n" + PLAIN


def pairs(content: bytes) -> list[tuple[str, str]]:
    rows = read_rows(content)
    assert [row.problem for row in rows] == [""] * len(rows)
    return [(row.host_id, row.user) for row in rows]


ENCODED: dict[str, Callable[[str], bytes]] = {
    "UTF-8": lambda text: text.encode(),
    "UTF-8 with BOM": lambda text: codecs.BOM_UTF8 + text.encode(),
    "UTF-16 LE with BOM": lambda text: codecs.BOM_UTF16_LE + text.encode("utf-16-le"),
    "UTF-16 BE with BOM": lambda text: codecs.BOM_UTF16_BE + text.encode("utf-16-be"),
    "UTF-16 LE": lambda text: text.encode("utf-16-le"),
    "UTF-16 BE": lambda text: text.encode("utf-16-be"),
}
WRITTEN: dict[str, Callable[[str], str]] = {
    "LF": lambda text: text,
    "CRLF": lambda text: text.replace("\n", "\r\n"),
    "CR": lambda text: text.replace("\n", "\r"),
    "no end of the last line": lambda text: text.removesuffix("\n"),
    "empty lines": lambda text: "\n" + text.replace("\n", "\n\n  \n"),
    "tabs": lambda text: text.replace(",", "\t"),
    "semicolons": lambda text: text.replace(",", ";"),
    "semicolons in CRLF": lambda text: text.replace(",", ";").replace("\n", "\r\n"),
    "quoted": lambda text: '"' + text[:-1].replace(",", '","').replace("\n", '"\n"') + '"\n',
    "half quoted": lambda text: text.replace("pc-1,", '"pc-1",'),
    "spaces after commas": lambda text: text.replace(",", ", "),
    "quoted, spaces after commas": lambda text: text.replace(",", ', "').replace("\n", '"\n'),
    "spaces around": lambda text: "  " + text.replace(",", "  ,  ").replace("\n", "  \n"),
}


@pytest.mark.parametrize("encoding", ENCODED)
@pytest.mark.parametrize("style", WRITTEN)
@pytest.mark.parametrize("text", [PLAIN, TITLED], ids=["no header", "header"])
def test_a_file_is_read_in_any_encoding_and_style(encoding: str, style: str, text: str) -> None:
    content = ENCODED[encoding](WRITTEN[style](text))

    assert pairs(content) == ROWS


@pytest.mark.parametrize(
    "title",
    [
        *("DesktopName", "Name", "SessionHost", "VirtualDesktopName", "ComputerName", "Host"),
        *("HostName", "desktop name", "Session_Host", "SESSIONHOST", "[DesktopName]"),
    ],
)
@pytest.mark.parametrize("user_title", ["User", "UserName", "AssignedUser", "user name", "USER"])
def test_a_header_is_known_by_its_aliases_in_either_order(title: str, user_title: str) -> None:
    forth = f"{title},{user_title}\npc-1,CONTOSO\\alice\npc-2,bob@contoso.com\n"
    back = f"{user_title},{title}\nCONTOSO\\alice,pc-1\nbob@contoso.com,pc-2\n"

    assert pairs(forth.encode()) == ROWS
    assert pairs(back.encode()) == ROWS


@pytest.mark.parametrize("encoding", ENCODED)
def test_without_a_header_the_first_row_tells_the_order(encoding: str) -> None:
    swapped = "CONTOSO\\alice,pc-1\r\nbob@contoso.com,pc-2\r\n"

    assert pairs(ENCODED[encoding](swapped)) == ROWS


def test_columns_that_the_header_names_otherwise_are_left_alone() -> None:
    content = b"Collection,User,Since,DesktopName\neng,CONTOSO\\alice,2019,pc-1\n"

    assert pairs(content) == [("pc-1", "CONTOSO\\alice")]


def test_names_of_any_script_are_read() -> None:
    rows = [("pc-1", "CONTOSO\\jürgen"), ("pc-2", "たろう@contoso.com")]
    text = "".join(f"{host},{user}\n" for host, user in rows)

    assert [pairs(encode(text)) for encode in ENCODED.values()] == [rows] * len(ENCODED)


def test_a_delimiter_within_quotes_delimits_nothing() -> None:
    assert pairs(b'"pc-1","a;b;c@contoso.com"\n') == [("pc-1", "a;b;c@contoso.com")]


@pytest.mark.parametrize("content", [b"", b"\n \r\n\t\n", b"DesktopName,User\n", codecs.BOM_UTF8])
def test_a_file_without_rows_has_none(content: bytes) -> None:
    assert read_rows(content) == []


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        (b"pc-1", "has 1 column instead of 2"),
        (b"pc-1,a@b.c,", "has 3 columns instead of 2"),
        (b"pc-1,a@b.c,x", "has 3 columns instead of 2"),
        (b",a@b.c", "has no host"),
        (b"pc-1,", "has no user"),
        (b"pc-1, ", "has no user"),
        (b"pc-1,CONTOSO\\j\xfcrgen", "is neither UTF-8 nor UTF-16; save the file in one of them"),
        (b"pc-\xff,a@b.c", "is neither UTF-8 nor UTF-16; save the file in one of them"),
    ],
)
@pytest.mark.parametrize("header", [b"", b"DesktopName,User\n"], ids=["no header", "header"])
def test_a_row_that_is_none_says_why(line: bytes, problem: str, header: bytes) -> None:
    rows = read_rows(header + b"pc-0,x@y.z\n\n" + line + b"\npc-9,x@y.z\n")

    first = 1 + bool(header)
    assert [row.line for row in rows] == [first, first + 2, first + 3]
    assert [row.problem for row in rows] == ["", problem, ""]


def test_what_cannot_be_decoded_is_shown_as_such() -> None:
    (row,) = read_rows(b"pc-1,CONTOSO\\j\xfcrgen\n")

    assert (row.host_id, row.user) == ("pc-1", "CONTOSO\\j\ufffdrgen")


def test_a_row_over_several_lines_is_numbered_by_its_first() -> None:
    rows = read_rows(b'pc-1,a@b.c\n"pc-2\n","d@e.f"\npc-3,g@h.i\n')

    assert rows == [
        FileRow(1, "pc-1", "a@b.c"),
        FileRow(2, "pc-2", "d@e.f"),
        FileRow(4, "pc-3", "g@h.i"),
    ]


@pytest.mark.parametrize(
    "content",
    [b"x" * 200_000, b"pc-1,a@b.c\n" + b"y" * 200_000 + b"\n", b'pc-1,"' + b"z,\n" * 100_000],
    ids=["one line", "second line", "open quote"],
)
def test_a_cell_of_any_length_is_a_row_that_is_none(content: bytes) -> None:
    rows = read_rows(content)

    assert rows[-1].problem
    assert len(rows[-1].host_id) + len(rows[-1].user) < 1000


def test_a_written_file_begins_with_the_header_of_the_originals() -> None:
    assert write_rows(ROWS) == TITLED.encode()


# What an assignment can hold: a host id, and a user that has been found to be one.
HOST_IDS = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}", fullmatch=True)
PRINTABLE = st.characters(exclude_categories=["C", "Zl", "Zp"], exclude_characters="\ufffd")
USERS = st.text(PRINTABLE, min_size=1, max_size=60).map(str.strip).filter(bool)


@given(st.lists(st.tuples(HOST_IDS, USERS)))
def test_what_is_written_is_read_again(rows: list[tuple[str, str]]) -> None:
    assert pairs(write_rows(rows)) == rows


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "'="])
def test_no_spreadsheet_runs_a_user_of_an_exported_file_as_a_formula(start: str) -> None:
    user = start + 'HYPERLINK("evil.example")@contoso.com'

    written = write_rows([("pc-1", user)])

    ((_, cell),) = list(csv.reader(io.StringIO(written.decode())))[1:]
    assert cell == f"'{user}"
    assert pairs(written) == [("pc-1", user)]


@given(st.binary(max_size=300))
def test_whatever_is_in_a_file_it_is_read_or_its_rows_say_why_not(content: bytes) -> None:
    for row in read_rows(content):
        assert row.problem or (row.host_id and row.user)
        assert row.line >= 1
        (row.host_id + row.user + row.problem).encode()


@pytest.mark.parametrize("preamble", [b"#TYPE System.Object\r\n", b"sep=;\r\n"])
def test_what_tools_write_before_the_header_is_left_out(preamble: bytes) -> None:
    rows = read_rows(preamble + b"User;DesktopName\r\nCONTOSO\\alice;pc-1\r\n")

    assert rows == [FileRow(3, "pc-1", "CONTOSO\\alice")]
