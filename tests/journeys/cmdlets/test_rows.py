"""Each row of the tables of docs/cmdlets.md is run: its words, its field, its effect."""

from __future__ import annotations

from typing import Any

import pytest
from google.protobuf.message import Message

from tests.journeys.cmdlets import (
    app_groups,
    assignments,
    collections,
    diagnostics,
    held_roles,
    hosts,
    role_assignments,
    roles,
    sessions,
)
from tests.journeys.cmdlets.cases import Table, spelled
from tests.journeys.cmdlets.desk import Desk, enum_values, held
from tests.journeys.cmdlets.rows import ROWS, Row, fields_named_like_options

TABLES: dict[str, Table] = {
    **collections.TABLES,
    **app_groups.TABLES,
    **hosts.TABLES,
    **assignments.TABLES,
    **sessions.TABLES,
    **role_assignments.TABLES,
    **held_roles.TABLES,
    **roles.TABLES,
    **diagnostics.TABLES,
}


def test_every_row_of_the_document_has_a_case_and_every_case_a_row() -> None:
    cases = [(cmdlet, parameter) for cmdlet, table in TABLES.items() for parameter in table.cases]

    assert sorted(cases) == sorted(row.key for row in ROWS)


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_a_row_does_what_it_says(desk: Desk, row: Row) -> None:
    table = TABLES[row.cmdlet.name]
    everything_typed: list[str] = []
    values: set[str] = set()

    for case in table.of(row.parameter):
        for typed in spelled(case, row.spellings):
            scene = table.scene(desk, row.cmdlet.command)
            request = case.prove(scene, typed).sent(row.rpc)
            _assert_the_field_carries_it(row, request, scene.filled(case.carries))
            everything_typed.append(typed)
            values |= set(enum_values(request))

    options = [word for word in row.words if word.startswith("-")]
    words_typed = f" {' '.join(everything_typed)} "
    assert [word for word in options if f" {word} " not in words_typed] == []
    assert row.values <= values


def _assert_the_field_carries_it(row: Row, request: Message, carried: Any) -> None:
    if not row.field:
        assert fields_named_like_options(row) == set()
        return
    found = list(held(request, row.field))
    if row.values and carried is None:
        assert found
    else:
        assert found == (carried if isinstance(carried, list) else [carried])
