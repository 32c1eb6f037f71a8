"""docs/settings.md names every setting that the code reads, with its default, and no other."""

from __future__ import annotations

import ast
import importlib
import re

import pytest

from deskhold import environment
from deskhold.chassis.settings import LIVE
from tests.docs import sources
from tests.docs.tables import ROOT, code, codes, table

DOCUMENT = "docs/settings.md"
SERVER = {code(row["Setting"]): row for row in table(DOCUMENT, "Both services").rows}
OTHER = {
    code(row["Setting"]): row
    for heading in ("Clients", "The embedded default")
    for row in table(DOCUMENT, heading).rows
}
LIMITS = table(DOCUMENT, "What is not a setting").rows
NAME = re.compile(r"DESKHOLD_[A-Z]+(?:_[A-Z]+)*")

# Where a service reads settings of its own -> who that is, in the words of the table.
READERS = {
    "deskhold/chassis/settings.py": "both services",
    "broker_service/__main__.py": "broker",
    "rbac_service/__main__.py": "rbac",
}


def read_in_code() -> dict[str, tuple[str, str | None]]:
    """Return each setting that a service reads: where, and with which default."""
    found = {}
    for module in READERS:
        for name, call in sources.calls(sources.modules()[module]):
            setting = sources.text(call.args[0]) if call.args else None
            if name == "read" and setting and setting.isupper():
                found[f"DESKHOLD_{setting}"] = (module, default_of(module, call))
    return found


def default_of(module: str, call: ast.Call) -> str | None:
    given = call.args[2] if len(call.args) > 2 else sources.keyword(call, "default")
    match given:
        case ast.Call(func=ast.Name(id="str"), args=[ast.Name(id=constant)]):
            there = importlib.import_module(module.removesuffix(".py").replace("/", "."))
            return str(getattr(there, constant))
    return sources.text(given)


def is_documented(name: str) -> bool:
    own = re.sub("^DESKHOLD_(BROKER|RBAC)_", "DESKHOLD_", name)
    return name in OTHER or name in SERVER or own in SERVER


def test_every_setting_in_the_tables_is_known_and_no_other() -> None:
    assert {f"DESKHOLD_{name}" for name in environment.SETTINGS} == {*SERVER, *OTHER}


def test_the_settings_that_change_while_serving_are_named() -> None:
    text = (ROOT / DOCUMENT).read_text("utf-8")
    before, _, _ = text.partition("take effect at once")
    sentence = before.rpartition("`deskhold.env`:")[2]

    assert NAME.findall(sentence) == [f"DESKHOLD_{name.upper()}" for name in LIVE]


def test_the_table_holds_exactly_what_the_services_read() -> None:
    assert set(SERVER) == set(read_in_code())


@pytest.mark.parametrize("name", sorted(SERVER))
def test_the_default_is_that_of_the_code(name: str) -> None:
    default = read_in_code()[name][1]

    said = SERVER[name]["Default"]
    assert said == {None: "required", "": "empty"}.get(default, f"`{default}`")


@pytest.mark.parametrize("name", sorted(SERVER))
def test_the_table_says_which_service_reads_it(name: str) -> None:
    assert READERS[read_in_code()[name][0]] in SERVER[name]["Read by"]


def test_every_name_that_stands_in_the_code_is_documented() -> None:
    named = {
        name
        for tree in sources.modules().values()
        for text in sources.texts(tree)
        for name in NAME.findall(text)
    }

    assert [name for name in sorted(named) if not is_documented(name)] == []


def test_every_setting_of_clients_and_the_embedded_default_stands_in_the_code() -> None:
    named = {text for tree in sources.modules().values() for text in sources.texts(tree)}

    assert [name for name in OTHER if name not in named] == []


@pytest.mark.parametrize("file", ["docker-compose.yml", "Dockerfile", "README.md"])
def test_every_setting_that_is_given_as_an_example_is_documented(file: str) -> None:
    named = set(NAME.findall((ROOT / file).read_text("utf-8")))

    assert [name for name in sorted(named) if not is_documented(name)] == []


def test_the_home_and_the_token_file_have_the_defaults_of_the_table() -> None:
    settings = environment.read({})

    assert OTHER["DESKHOLD_HOME"]["Default"] == f"`{settings['DESKHOLD_HOME']}`"
    token = code(OTHER["DESKHOLD_TOKEN_FILE"]["Default"])
    assert settings["DESKHOLD_TOKEN_FILE"] == f"{settings['DESKHOLD_HOME']}/{token}"


@pytest.mark.parametrize("row", LIMITS, ids=lambda row: row["Bound"])
def test_a_bound_has_the_value_of_its_constant(row: dict[str, str]) -> None:
    (path,) = codes(row["Where"])
    module, _, constant = path.rpartition(".")

    value = getattr(importlib.import_module(module), constant)
    assert float(row["Value"].replace(",", "")) == value
