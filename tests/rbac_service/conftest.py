import itertools
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest

from deskhold.api.rbac.v1.scopes_pb2 import CreateScopeRequest, Scope
from deskhold.chassis.db import Database
from tests.databases import Databases
from tests.rbac_service.running import MIGRATIONS, OWNER, Caller, Deployment, Process

_numbers = itertools.count()


@pytest.fixture(scope="session")
def deployment(
    databases: Databases, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Deployment]:
    """One deployment for all tests; each makes tenant groups of its own."""
    made = Deployment.make(tmp_path_factory.mktemp("rbac"), databases)
    made.start()
    yield made
    made.stop()


@pytest.fixture(scope="session")
def rbac(deployment: Deployment) -> Process:
    """The process that runs for all tests."""
    return deployment.processes[0]


@pytest.fixture(scope="session")
def owner(rbac: Process) -> Caller:
    """The first Owner."""
    return rbac.signed_in(OWNER)


@pytest.fixture(scope="session")
def broker(rbac: Process) -> Caller:
    """The enforcement point."""
    return rbac.broker


@pytest.fixture
def tenant_group(owner: Caller) -> str:
    """A tenant group that is this test's own."""
    path = f"/tenantGroups/test-{next(_numbers)}"
    owner(CreateScopeRequest(scope=Scope(name=path)))
    return path


@pytest.fixture
def someone() -> Callable[[], str]:
    """Return users whom no other test knows."""
    return lambda: f"user-{next(_numbers)}@contoso.com"


@pytest.fixture
def own_deployment(databases: Databases, tmp_path: Path) -> Iterator[Deployment]:
    """A deployment that is this test's own; nothing of it runs yet."""
    made = Deployment.make(tmp_path / "var", databases)
    yield made
    made.stop()


@pytest.fixture(scope="session")
def second_process(deployment: Deployment, rbac: Process) -> Process:
    """Another process of the service on the same database."""
    return deployment.start()


@pytest.fixture(scope="session")
def migrations() -> Path:
    """Whose schema the databases of these tests have."""
    return MIGRATIONS


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    """An empty store, without a service; on each kind of database."""
    opened = Database(database_url)
    yield opened
    await opened.close()
