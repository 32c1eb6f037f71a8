"""What the documents say of the repository: its arrows, its files, its make targets."""

from __future__ import annotations

import re
import tomllib

import pytest

from tests.docs.tables import ROOT, code, codes, table

DOCUMENTS = [
    "ARCHITECTURE.md",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "README.md",
    "docs/cmdlets.md",
    "docs/errors.md",
    "docs/rdp-files.md",
    "docs/settings.md",
]
# A path in the text is written from the root, or from one of these when the sentence says which.
ROOMS = ("", "broker_service", "rbac_service", "deskhold", "deskhold/chassis", "third_party/protos")
PATH = re.compile(r"`((?:[\w.-]+/)*[\w-]+\.(?:py|md|toml|proto|lock))`|`((?:[\w.-]+/)+)`")
BY_DOCUMENT = pytest.mark.parametrize("document", DOCUMENTS)


def text_of(document: str) -> str:
    return (ROOT / document).read_text("utf-8")


def is_there(path: str) -> bool:
    if any((ROOT / room / path).exists() for room in ROOMS):
        return True
    # What every room has is named without a room.
    services = (ROOT / "broker_service", ROOT / "rbac_service")
    return "/" not in path.rstrip("/") and any(any(one.rglob(path)) for one in services)


def test_the_arrows_are_the_import_contracts() -> None:
    tool = tomllib.loads(text_of("pyproject.toml"))["tool"]
    contracts = [contract["name"] for contract in tool["importlinter"]["contracts"]]

    assert [row["Contract"] for row in table("ARCHITECTURE.md", "The arrows").rows] == contracts


def test_the_rooms_of_rbac_are_those_there_are() -> None:
    said = {code(row["Room"]) for row in table("ARCHITECTURE.md", "The rooms of rbac").rows}
    packages = (one.parent for one in (ROOT / "rbac_service").glob("*/__init__.py"))

    assert said == {f"rbac_service/{one.name}/" for one in packages}


def test_a_file_that_is_named_with_a_room_of_rbac_is_in_it() -> None:
    named = [
        code(row["Room"]) + file
        for row in table("ARCHITECTURE.md", "The rooms of rbac").rows
        for file in codes(row["What is in it"])
        if file.endswith(".py")
    ]

    assert [path for path in named if not (ROOT / path).exists()] == []


def test_the_architecture_is_told_in_under_300_lines() -> None:
    assert len(text_of("ARCHITECTURE.md").splitlines()) < 300


@BY_DOCUMENT
def test_every_file_that_is_named_is_there(document: str) -> None:
    named = {file or folder for file, folder in PATH.findall(text_of(document))}

    assert [path for path in sorted(named) if not is_there(path)] == []


@BY_DOCUMENT
def test_every_link_leads_somewhere(document: str) -> None:
    links = re.findall(r"\]\(([^):#]+)\)", text_of(document))

    folder = (ROOT / document).parent
    assert [link for link in links if not (folder / link).exists()] == []


@BY_DOCUMENT
def test_every_make_target_that_is_named_exists(document: str) -> None:
    targets = set(re.findall(r"^([a-z-]+):", text_of("Makefile"), re.MULTILINE))

    assert set(re.findall(r"`make ([a-z-]+)", text_of(document))) <= targets
