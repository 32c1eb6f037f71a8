"""Each promise of the source is kept: somebody is given a role, and then does what it is for."""

from __future__ import annotations

import pytest

from tests.journeys.cmdlets.cases import Table, spelled
from tests.journeys.cmdlets.desk import Desk
from tests.journeys.cmdlets.promises import principals, roles, scopes
from tests.journeys.cmdlets.promises.rows import PROMISES

TABLES: tuple[Table, ...] = (principals.TABLE, scopes.TABLE, roles.TABLE)
GIVE = "role-assignment create"


def test_every_promise_of_the_document_has_a_case_and_every_case_a_promise() -> None:
    assert sorted(promise for table in TABLES for promise in table.cases) == sorted(PROMISES)


@pytest.mark.slow
@pytest.mark.parametrize("promise", PROMISES)
def test_a_promise_of_the_source_is_kept(desk: Desk, promise: str) -> None:
    (table,) = (one for one in TABLES if promise in one.cases)
    options = tuple(one for one in PROMISES[promise] if one.startswith("--"))
    everything_typed: list[str] = []

    for case in table.of(promise):
        for typed in spelled(case, options):
            case.prove(table.scene(desk, GIVE), typed)
            everything_typed += typed.split()

    assert set(options) <= set(everything_typed)
