from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from deskhold.chassis.database import Database, migrate
from deskhold.embedded.home import lay_out
from deskhold.embedded.paths import Home
from tests.deskhold.chassis.carrier import Carrier
from tests.deskhold.chassis.things import MIGRATIONS


@pytest.fixture(scope="session")
def laid(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """A state directory: certificates, the issuer's key, settings."""
    return lay_out(tmp_path_factory.mktemp("laid"), 40000)


@pytest.fixture
def database_file(tmp_path: Path) -> Path:
    return tmp_path / "things.db"


@pytest.fixture
async def database(database_file: Path) -> AsyncIterator[Database]:
    url = f"sqlite:///{database_file}"
    migrate(url, MIGRATIONS)
    opened = Database(url)
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
