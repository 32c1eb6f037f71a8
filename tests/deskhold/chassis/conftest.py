from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio

from deskhold.chassis.db import Database
from deskhold.embedded.home import lay_out
from deskhold.embedded.paths import Home
from tests.databases import SqliteFiles
from tests.deskhold.chassis.carrier import Carrier
from tests.deskhold.chassis.things import MIGRATIONS


@pytest.fixture(scope="session")
def laid(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """A state directory: certificates, the issuer's key, settings."""
    return lay_out(tmp_path_factory.mktemp("laid"), 40000)


@pytest.fixture(scope="session")
def migrations() -> Path:
    """Whose schema the databases of these tests have."""
    return MIGRATIONS


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    """A store of things; on each kind of database."""
    opened = Database(database_url)
    yield opened
    await opened.close()


@pytest.fixture
def sqlite_url(sqlite: SqliteFiles) -> Iterator[str]:
    """A file of the test's own, for what only SQLite does."""
    url = sqlite.new(MIGRATIONS)
    yield url
    sqlite.drop(url)


@pytest.fixture
async def sqlite_database(sqlite_url: str) -> AsyncIterator[Database]:
    opened = Database(sqlite_url)
    yield opened
    await opened.close()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def running_carrier(laid: Home) -> AsyncIterator[Carrier]:
    made = Carrier(laid)
    await made.server.start()
    yield made
    await made.close()


@pytest.fixture
def carrier(running_carrier: Carrier) -> Carrier:
    """A running server, for tests marked with the module's event loop; as new for each."""
    running_carrier.reset()
    return running_carrier
