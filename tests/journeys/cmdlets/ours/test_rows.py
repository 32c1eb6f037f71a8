"""Each command without an original is run: what it is for, and the RPCs that it calls."""

from __future__ import annotations

import pytest
from google.protobuf.descriptor_pb2 import MethodOptions

from tests.docs.cmdlets import RPCS
from tests.journeys.cmdlets.cases import Table
from tests.journeys.cmdlets.desk import Desk
from tests.journeys.cmdlets.ours import (
    access,
    assignments,
    audit,
    changes,
    groups,
    hosts,
    local,
    policies,
    releases,
    roles,
    scopes,
    sessions,
)
from tests.journeys.cmdlets.ours.rows import ROWS, Row

TABLES: tuple[Table, ...] = (
    *local.TABLES,
    *access.TABLES,
    *roles.TABLES,
    *groups.TABLES,
    *policies.TABLES,
    *audit.TABLES,
    *assignments.TABLES,
    *releases.TABLES,
    *sessions.TABLES,
    *hosts.TABLES,
    *changes.TABLES,
    *scopes.TABLES,
)


def test_every_command_without_an_original_has_a_case_and_every_case_a_row() -> None:
    cases = [command for table in TABLES for command in table.cases]

    assert sorted(cases) == sorted(row.command for row in ROWS)


@pytest.mark.slow
@pytest.mark.parametrize("row", ROWS, ids=str)
def test_a_command_does_what_it_is_for_by_the_rpcs_that_its_row_names(desk: Desk, row: Row) -> None:
    (table,) = (one for one in TABLES if row.command in one.cases)
    sent: dict[str, str] = {}
    typed: list[str] = []

    for case in table.of(row.command):
        done = case.prove(table.scene(desk, row.command), case.typed)
        sent |= {request.DESCRIPTOR.full_name: rpc for rpc, request in done.requests}
        typed += case.typed.split()

    assert set(row.options) <= set(typed)
    named = {rpc.input_type.full_name for rpc in row.rpcs}
    assert named <= sent.keys()
    if not named:
        assert sent == {}
    # What a command looks up on its way changes nothing.
    assert [rpc for one, rpc in sent.items() if one not in named and not _only_reads(rpc)] == []


def _only_reads(rpc: str) -> bool:
    return bool(RPCS[rpc].GetOptions().idempotency_level == MethodOptions.NO_SIDE_EFFECTS)
