"""A PostgreSQL server that is demoted, stopped or silent: UNAVAILABLE, and then as before."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest

from deskhold.chassis.db import Database, migrate
from deskhold.errors import Unavailable
from tests.deskhold.chassis.db.servers import OwnServer, SilentProxy, own_server
from tests.deskhold.chassis.things import MIGRATIONS, names, put


@pytest.fixture
def server() -> Iterator[OwnServer]:
    with own_server() as started:
        migrate(started.url.render_as_string(hide_password=False), MIGRATIONS)
        yield started


@pytest.fixture
async def database(server: OwnServer) -> AsyncIterator[Database]:
    opened = Database(server.url.render_as_string(hide_password=False))
    await opened.write(put("before"))
    yield opened
    await opened.close()


async def test_a_standby_reads_refuses_writes_with_a_time_to_retry_and_writes_once_promoted(
    server: OwnServer, database: Database
) -> None:
    server.demote()

    with pytest.raises(Unavailable) as told:
        await database.write(put("meanwhile"))
    assert told.value.retry_after_seconds == 1
    assert "nothing was changed" in told.value.message
    assert await database.read(names) == {"before"}

    server.promote()

    await database.write(put("after"))
    assert await database.read(names) == {"before", "after"}


async def test_a_server_that_is_stopped_is_unavailable_and_serves_again_once_started(
    server: OwnServer, database: Database
) -> None:
    server.stop()

    for call in (database.write(put("meanwhile")), database.read(names)):
        with pytest.raises(Unavailable) as told:
            await call
        assert told.value.retry_after_seconds == 1

    server.start()

    await database.write(put("after"))
    assert await database.read(names) == {"before", "after"}


async def test_a_restart_between_two_calls_is_not_noticed(
    server: OwnServer, database: Database
) -> None:
    server.stop()
    server.start()

    await database.write(put("after"))
    assert await database.read(names) == {"before", "after"}


async def test_a_peer_that_takes_what_is_sent_and_never_answers_is_given_up(
    server: OwnServer,
) -> None:
    proxy = SilentProxy(server)
    database = Database(proxy.url, connections=1)
    await database.write(put("before"))
    proxy.be_silent()

    with pytest.raises(Unavailable):
        await database.write(put("meanwhile"), seconds=0.2)

    proxy.answer_again()
    await database.write(put("after"))
    assert await database.read(names) == {"before", "after"}
    await database.close()
    proxy.close()
