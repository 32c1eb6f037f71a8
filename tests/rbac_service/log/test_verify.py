"""The chain of hashes: what does not fit is named."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import Connection, delete, text, update

from rbac_service.log.rules import GENESIS_HASH
from rbac_service.log.usecases import Audit, Verification
from rbac_service.tables import head, log
from tests.databases import SqliteFiles
from tests.rbac_service.deployments import Deployment, Keys
from tests.rbac_service.running import MIGRATIONS


async def five(deployment: Deployment) -> None:
    for number in range(2, 6):
        await deployment.assign(f"u{number}@x", "RDS Reader")


async def verify(deployment: Deployment) -> Verification:
    # Pieces smaller than the log, so that their seams are in the test.
    return await Audit(deployment.database, piece=2).verify()


async def spoil(deployment: Deployment, *statements: Any) -> None:
    def work(connection: Connection) -> None:
        for statement in statements:
            connection.execute(statement)

    await deployment.database.write(work)


async def test_an_untouched_log_fits_from_the_first_entry_to_the_head(
    deployment: Deployment,
) -> None:
    await five(deployment)
    found = await verify(deployment)
    assert (found.count, found.bad_revision, found.problem) == (5, 0, "")
    assert len(found.hash) == 32
    assert found.hash != GENESIS_HASH


@pytest.mark.parametrize(
    ("what", "values"),
    [
        ("one letter of the changes", {"changes": log.c.changes + " "}),
        ("the author", {"actor": "user:mallory@x"}),
        ("the decision", {"decision_id": "d-0"}),
        ("the time", {"time_us": log.c.time_us + 1}),
        ("the hash", {"hash": bytes(32)}),
    ],
)
async def test_a_changed_entry_is_the_first_bad_one(
    deployment: Deployment, what: str, values: dict[str, Any]
) -> None:
    await five(deployment)
    await spoil(deployment, update(log).where(log.c.revision == 3).values(**values))
    found = await verify(deployment)
    assert (found.count, found.bad_revision) == (2, 3), what
    assert found.problem == "revision 3 does not have the hash of its content"


async def test_a_missing_revision_is_named(deployment: Deployment) -> None:
    await five(deployment)
    await spoil(deployment, delete(log).where(log.c.revision == 4))
    found = await verify(deployment)
    assert (found.count, found.bad_revision) == (3, 4)
    assert found.problem == "revision 4 is missing; the next one is 5"


async def test_an_entry_that_names_another_one_before_it_is_named(deployment: Deployment) -> None:
    await five(deployment)
    await spoil(deployment, update(log).where(log.c.revision == 4).values(previous_hash=bytes(32)))
    found = await verify(deployment)
    assert (found.bad_revision, found.problem) == (
        4,
        "revision 4 does not name the hash of the entry before it",
    )


async def test_a_cut_end_is_noticed_by_the_head(deployment: Deployment) -> None:
    await five(deployment)
    await spoil(deployment, delete(log).where(log.c.revision > 3))
    found = await verify(deployment)
    assert (found.count, found.bad_revision) == (3, 4)
    assert found.problem == "revision 4 is missing; the head is at 5"


async def test_an_entry_behind_the_head_is_named(deployment: Deployment) -> None:
    await five(deployment)
    await spoil(deployment, update(head).values(revision=3))
    found = await verify(deployment)
    assert (found.count, found.bad_revision) == (3, 4)
    assert found.problem == "revision 4 lies behind the head, which is at 3"


async def test_a_byte_that_is_no_text_any_more_is_named_too(
    sqlite: SqliteFiles, keys: Keys
) -> None:
    # PostgreSQL keeps no text that is none.
    deployment = await Deployment.make(sqlite.new(MIGRATIONS), keys)
    await five(deployment)
    await spoil(
        deployment,
        text(
            "UPDATE log SET changes = CAST(X'ff' || CAST(changes AS BLOB) AS TEXT)"
            " WHERE revision = 2"
        ),
    )
    found = await verify(deployment)
    await deployment.close()
    assert (found.count, found.bad_revision) == (1, 2)
