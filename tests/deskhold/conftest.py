from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.deskhold.stub_service import Authority, StubService


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority.make(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="session")
def other_authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority.make(tmp_path_factory.mktemp("other-authority"))


@pytest.fixture
def service(authority: Authority) -> Iterator[StubService]:
    stub = StubService(authority)
    stub.start()
    yield stub
    stub.stop()


@pytest.fixture
def home(tmp_path: Path, service: StubService) -> Path:
    """A state directory whose settings lead to the stub, signed in."""
    settings = {
        "DESKHOLD_BROKER_ADDRESS": service.endpoint.address,
        "DESKHOLD_RBAC_ADDRESS": service.endpoint.address,
        "DESKHOLD_CA_FILE": str(service.endpoint.ca_file),
    }
    lines = [f"{key}={value}" for key, value in settings.items()]
    (tmp_path / "deskhold.env").write_text("\n".join(lines))
    (tmp_path / "token").write_text("the-token\n")
    return tmp_path
