"""Many processes write to one log: no revision is missing, and the chain holds."""

from __future__ import annotations

import pytest
from sqlalchemy import create_engine, select

from rbac_service import tables
from rbac_service.log.rules import GENESIS_HASH, Author, chain_hash
from tests.databases import Databases
from tests.races import RBAC_MIGRATIONS
from tests.races.log_racer import ENTRIES
from tests.races.processes import COUNT, run_processes

pytestmark = pytest.mark.slow


def test_revisions_are_gapless_and_the_chain_is_unbroken(databases: Databases) -> None:
    url = databases.new(RBAC_MIGRATIONS)

    told = run_processes("tests.races.log_racer", url)

    expected = list(range(1, COUNT * ENTRIES + 1))
    assert sorted(revision for revisions in told for revision in revisions) == expected
    engine = create_engine(url)
    with engine.connect() as connection:
        entries = connection.execute(select(tables.log).order_by(tables.log.c.revision)).all()
        head = connection.execute(select(tables.head.c.revision)).scalar_one()
    engine.dispose()
    assert [entry.revision for entry in entries] == expected
    assert head == len(expected)
    previous = GENESIS_HASH
    for entry in entries:
        author = Author(entry.actor, entry.request_id, entry.decision_id)
        assert entry.previous_hash == previous
        previous = chain_hash(previous, entry.revision, entry.time_us, author, entry.changes)
        assert entry.hash == previous
