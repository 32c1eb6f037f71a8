from __future__ import annotations

import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from broker_service.__main__ import MIGRATIONS
from deskhold.chassis.database import migrate
from deskhold.client import Client
from tests.broker_service.pair import OWNER, Eng, Pair, numbers
from tests.broker_service.stores import Store


@pytest.fixture(scope="session")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    """Both services as real processes, shared by all tests; each works in a tenant of its own."""
    started = Pair.start(tmp_path_factory.mktemp("pair"))
    yield started
    started.stop()


@pytest.fixture
def owner(pair: Pair) -> Client:
    return pair.client(OWNER)


@pytest.fixture
def tenant(owner: Client) -> str:
    """The name of a tenant nobody else uses, so that its host ids are free."""
    name = f"tenantGroups/default/tenants/t{next(numbers)}"
    owner.create_scope(f"/{name}")
    return name


@pytest.fixture
def eng(owner: Client, tenant: str) -> Eng:
    """A collection that assigns automatically: alice holds pc-1, nobody pc-2 and pc-3."""
    made = owner.create_collection(
        tenant, "eng", type="personal", auto_assign_user=True, host_ids=["pc-1", "pc-2", "pc-3"]
    )
    owner.set_assignment(made.name, user="alice@contoso.com", host_id="pc-1")
    return Eng(tenant, made.name)


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty store at the newest version, to be copied."""
    file = tmp_path_factory.mktemp("migrated") / "broker.db"
    migrate(f"sqlite:///{file}", MIGRATIONS)
    return file


@pytest.fixture
def store_file(migrated: Path, tmp_path: Path) -> Path:
    return Path(shutil.copy(migrated, tmp_path / "broker.db"))


@pytest.fixture
async def store(store_file: Path) -> AsyncIterator[Store]:
    opened = Store(store_file)
    yield opened
    await opened.database.close()
