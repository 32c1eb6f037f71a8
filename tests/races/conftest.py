from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest
from sqlalchemy import Engine, create_engine

from deskhold.chassis.db import Database
from tests.databases import Databases, PostgresqlServer
from tests.races import BROKER_MIGRATIONS
from tests.races.race import Race
from tests.races.things import opened


@pytest.fixture
def race(databases: Databases) -> Iterator[Race]:
    made = Race(databases.new(BROKER_MIGRATIONS))
    yield made
    made.close()


@pytest.fixture
def url(postgresql: PostgresqlServer) -> Iterator[str]:
    made = postgresql.new()
    yield made
    postgresql.drop(made)


@pytest.fixture
async def database(url: str) -> AsyncIterator[Database]:
    made = opened(url)
    yield made
    await made.close()


@pytest.fixture
def own(url: str, database: Database) -> Iterator[Engine]:
    """Another process's connections to the store."""
    engine = create_engine(url)
    yield engine
    engine.dispose()
