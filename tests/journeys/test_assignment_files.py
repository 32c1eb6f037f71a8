"""Files as administrators bring them, through the real command line."""

from __future__ import annotations

import csv
import io
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from deskhold.client import AsyncClient
from tests.journeys.pair import TENANT, Pair

ROWS = [(f"CONTOSO\\person.{number}", f"file-{number}") for number in range(5)]
PLAIN = "User,DesktopName\n" + "".join(f"{user},{host}\n" for user, host in ROWS)
SWAPPED = "DesktopName,User\n" + "".join(f"{host},{user}\n" for user, host in ROWS)
BARE = PLAIN.partition("\n")[2]

FILES = {
    "UTF-8": PLAIN.encode(),
    "UTF-8 with BOM": PLAIN.encode("utf-8-sig"),
    "CRLF": PLAIN.replace("\n", "\r\n").encode(),
    "UTF-16 with BOM": PLAIN.encode("utf-16"),
    "UTF-16 big-endian without BOM": PLAIN.encode("utf-16-be"),
    "UTF-16 with CRLF and tabs": PLAIN.replace(",", "\t").replace("\n", "\r\n").encode("utf-16"),
    "tab": PLAIN.replace(",", "\t").encode(),
    "semicolon": PLAIN.replace(",", ";").encode(),
    "quoted": "".join(
        f'"{left}","{right}"\r\n' for left, right in [("User", "DesktopName"), *ROWS]
    ).encode(),
    "host first by the header": SWAPPED.encode(),
    "other titles": SWAPPED.replace("DesktopName,User", "Session Host,Assigned User").encode(),
    "without a header": BARE.encode(),
    "without a header, host first": SWAPPED.partition("\n")[2].encode(),
    "empty lines, no line break at the end": PLAIN.replace("\n", "\n\n").rstrip().encode(),
}


@pytest.fixture(scope="module")
def collection() -> str:
    return f"{TENANT}/collections/files"


@pytest.fixture
async def hosts(admin: AsyncClient, collection: str) -> AsyncIterator[AsyncClient]:
    """A collection with the five hosts, none assigned."""
    await admin.create_collection(TENANT, "files", type="personal")
    await admin.add_hosts(collection, [host for _, host in ROWS])
    yield admin
    await admin.delete_collection(collection, force=True)


@pytest.fixture
def brought(tmp_path: Path) -> Callable[[bytes], Path]:
    """Keep the bytes an administrator brings; returns their file."""

    def keep(content: bytes) -> Path:
        path = tmp_path / "assignments.csv"
        path.write_bytes(content)
        return path

    return keep


@pytest.mark.parametrize("form", FILES)
async def test_the_same_file_is_read_in_whatever_form_it_comes(
    pair: Pair, hosts: AsyncClient, collection: str, brought: Callable[[bytes], Path], form: str
) -> None:
    file = brought(FILES[form])

    done = pair.deskhold("assignment", "import", "--collection", "files", str(file), "-o", "csv")

    assert done.returncode == 0, done.stderr
    outcomes = list(csv.DictReader(io.StringIO(done.stdout)))
    assert [row["outcome"] for row in outcomes] == ["ROW_OUTCOME_ASSIGNED"] * 5
    exported = await hosts.export_assignments(collection)
    assert exported.content.decode() == SWAPPED


BAD = b"""User,DesktopName
CONTOSO\\fine,file-0
CONTOSO\\lost,nowhere-1

CONTOSO\\twice,file-1
CONTOSO\\twice,file-2
CONTOSO\\M\xfcller,file-3
CONTOSO\\three,file-4,columns
nobody,file-4
"""
VERDICTS = {
    "2": ("ASSIGNED", ""),
    "3": ("REJECTED", "HOST_NOT_FOUND"),
    "5": ("ASSIGNED", ""),
    "6": ("REJECTED", "USER_LIMIT_REACHED"),
    "7": ("REJECTED", "FIELD_VIOLATION"),
    "8": ("REJECTED", "FIELD_VIOLATION"),
    "9": ("REJECTED", "FIELD_VIOLATION"),
}


@pytest.mark.parametrize("flags", [(), ("--replace",), ("--validate-only",)])
async def test_of_a_bad_file_nothing_is_written_and_every_row_gets_a_verdict_with_its_line(
    pair: Pair,
    hosts: AsyncClient,
    collection: str,
    brought: Callable[[bytes], Path],
    flags: tuple[str, ...],
) -> None:
    file = brought(BAD)

    done = pair.deskhold(
        "assignment", "import", "--collection", "files", str(file), "-o", "csv", *flags
    )

    assert done.returncode == 1
    verdicts = {
        row["line"]: (row["outcome"].removeprefix("ROW_OUTCOME_"), row["reason"])
        for row in csv.DictReader(io.StringIO(done.stdout))
    }
    assert verdicts == VERDICTS
    assert [one async for one in hosts.list_assignments(collection)] == []


async def test_for_people_a_bad_file_is_answered_with_the_rejected_rows_only(
    pair: Pair, hosts: AsyncClient, brought: Callable[[bytes], Path]
) -> None:
    file = brought(BAD)

    done = pair.deskhold("assignment", "import", "--collection", "files", str(file))

    assert done.returncode == 1
    lines = [line.split()[0] for line in done.stdout.splitlines()]
    assert lines == ["LINE", "3", "6", "7", "8", "9"]
    assert "host nowhere-1 is not in" in done.stdout
    assert "the row has 3 columns instead of 2" in done.stdout
    assert "is neither UTF-8 nor UTF-16" in done.stdout
    assert "error: 5 of 7 rows cannot be applied, nothing was written" in done.stderr


async def test_an_export_restores_every_row_after_all_hosts_were_removed_and_added_again(
    pair: Pair, hosts: AsyncClient, collection: str, tmp_path: Path
) -> None:
    file = str(tmp_path / "exported.csv")
    await hosts.import_assignments(collection, PLAIN.encode())
    there = ("--collection", "files")
    names = [host for _, host in ROWS]

    for words in (
        ("assignment", "export", *there, file),
        ("host", "remove", *there, "--force", *names),
        ("host", "add", *there, *names),
        ("assignment", "import", *there, file),
    ):
        done = pair.deskhold(*words)
        assert done.returncode == 0, done.stderr

    assert (await hosts.export_assignments(collection)).content.decode() == SWAPPED
