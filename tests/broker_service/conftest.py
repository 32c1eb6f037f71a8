from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import structlog

from broker_service.__main__ import MIGRATIONS
from broker_service.rbac import Authority
from deskhold.api.broker.v1.app_groups_pb2 import Application
from deskhold.channel import open_async
from deskhold.client import Client
from tests.broker_service.brokers import Broker, Clock
from tests.broker_service.calls import PREPARATIONS
from tests.broker_service.pair import OWNER, Eng, Pair, numbers
from tests.broker_service.stores import Store
from tests.databases import Databases


@pytest.fixture(scope="session")
def pair(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    """Both services as real processes, shared by all tests; each works in a tenant of its own."""
    started = Pair.start(tmp_path_factory.mktemp("pair"), databases)
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
    """A collection that assigns automatically: alice holds pc-1, nobody pc-2 and pc-3.

    Beside `desktop` it has the app group `erp`.
    """
    made = owner.create_collection(
        tenant, "eng", type="personal", auto_assign_user=True, host_ids=["pc-1", "pc-2", "pc-3"]
    )
    owner.set_assignment(made.name, user="alice@contoso.com", host_id="pc-1")
    owner.create_app_group(
        made.name,
        "erp",
        type="remote_app",
        applications=[Application(application_id="sap", file_path=r"C:\sap.exe")],
    )
    return Eng(tenant, made.name)


@pytest.fixture
def name(request: pytest.FixtureRequest, pair: Pair, eng: Eng) -> str:
    """The name of a call on `eng`, where what it needs was made."""
    if request.param in PREPARATIONS:
        PREPARATIONS[request.param](pair, eng)
    return str(request.param)


@pytest.fixture(scope="session")
def migrations() -> Path:
    """Whose schema the databases of these tests have."""
    return MIGRATIONS


@pytest.fixture
async def store(database_url: str) -> AsyncIterator[Store]:
    """An empty store, without a service; on each kind of database."""
    opened = Store(database_url)
    yield opened
    await opened.database.close()


@pytest.fixture
async def broker(pair: Pair, store: Store) -> AsyncIterator[Broker]:
    """A broker's part in keeping that store in step with the pair's authority."""
    channel = open_async(pair.as_broker())
    yield Broker(store, Authority(channel, structlog.get_logger()), Clock())
    await channel.close()
