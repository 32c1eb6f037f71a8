from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from grpc.aio import init_grpc_aio
from hypothesis import HealthCheck, settings

from tests.databases import (
    Databases,
    PostgresqlServer,
    SqliteFiles,
    postgresql_server,
    quick_folder,
)

# Tests come and go with servers and channels of their own. Without this, gRPC ends its poller with
# the last of them, joined by whatever thread the garbage collector happens to run in: a deadlock.
init_grpc_aio()

# A machine that is busy with something else makes no test fail.
settings.register_profile("deskhold", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("deskhold")


@pytest.fixture(scope="session")
def postgresql() -> Iterator[PostgresqlServer]:
    """One PostgreSQL server for the session; started when the first test asks."""
    with postgresql_server() as server:
        yield server


@pytest.fixture(scope="session")
def sqlite() -> Iterator[SqliteFiles]:
    """One folder of SQLite files for the session."""
    with quick_folder() as folder:
        yield SqliteFiles(folder)


@pytest.fixture(scope="session", params=["sqlite", "postgresql"])
def databases(request: pytest.FixtureRequest) -> Databases:
    """Each kind of database in turn; a test of what only one has asks for that one instead."""
    made: Databases = request.getfixturevalue(request.param)
    return made


@pytest.fixture(scope="session")
def migrations() -> Path | None:
    """Whose schema `database_url` has; a service's tests say so, else it is empty."""
    return None


@pytest.fixture
def database_url(databases: Databases, migrations: Path | None) -> Iterator[str]:
    """A database of the test's own."""
    url = databases.new(migrations)
    yield url
    databases.drop(url)
