from __future__ import annotations

import pytest

from deskhold.chassis.db import Database
from deskhold.errors import Unavailable
from tests.deskhold.chassis.things import put, stored

# Its foreign key is checked at the commit, which then fails.
BROKEN = put("part", part_of="nothing")


async def test_a_failed_commit_writes_nothing(database: Database, database_url: str) -> None:
    with pytest.raises(Exception, match=r"(?i)foreign key"):
        await database.write(BROKEN)

    assert stored(database_url) == set()


async def test_after_a_failed_commit_the_next_call_succeeds(
    database: Database, database_url: str
) -> None:
    with pytest.raises(Exception, match=r"(?i)foreign key"):
        await database.write(BROKEN)

    await database.write(put("pc-1"))

    assert stored(database_url) == {"pc-1"}


async def test_a_database_that_is_away_is_told_with_a_time_to_retry_and_no_internals() -> None:
    database = Database("postgresql+psycopg://nobody@127.0.0.1:1/nothing")

    with pytest.raises(Unavailable) as told:
        await database.write(put("pc-1"))

    assert told.value.reason == "STORE_UNAVAILABLE"
    assert told.value.retry_after_seconds == 1
    assert told.value.message == ("the database does not answer; nothing was changed; retry in 1 s")
    await database.close()
