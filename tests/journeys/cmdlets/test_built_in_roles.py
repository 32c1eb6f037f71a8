"""The built-in roles of the document are those that the service has."""

from __future__ import annotations

import re

import pytest

from tests.docs.cmdlets import DOCUMENT, TEXT
from tests.docs.tables import code, codes, table
from tests.journeys.cmdlets.desk import Desk

ROWS = table(DOCUMENT, "Built-in roles").rows


@pytest.mark.parametrize("row", ROWS, ids=lambda row: str(row["Role"]))
def test_a_built_in_role_has_the_id_and_the_actions_of_its_row(
    desk: Desk, row: dict[str, str]
) -> None:
    shown = desk.type("role show", [row["Role"]]).printed

    assert shown["name"] == f"roleDefinitions/{code(row['Id'])}"
    assert shown["built_in"]
    (block,) = shown["permissions"]
    assert (block["actions"], block["not_actions"]) == (codes(row["Actions"]), [])


def test_every_built_in_role_is_in_the_document(desk: Desk) -> None:
    listed = desk.type("role list", []).printed
    built_in = {one["display_name"] for one in listed if one["built_in"]}

    (beside,) = re.findall(r"Ours besides: ([^.]+)\.", " ".join(TEXT.split()))
    named = set(re.sub(r" \([^)]*\)", "", beside).split(", "))
    assert built_in == {row["Role"] for row in ROWS} | named
