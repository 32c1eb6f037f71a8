"""The authority that the broker asks, and a stand-in for rbac behind it."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import structlog

from broker_service.rbac import Authority
from deskhold.channel import open_async
from tests.broker_service.stand_in_rbac import StandIn
from tests.deskhold.stub_service import Authority as Certificates


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return Certificates.make(tmp_path_factory.mktemp("certificates"))


@pytest.fixture
async def rbac(certificates: Certificates) -> AsyncIterator[StandIn]:
    stand_in = StandIn(certificates)
    await stand_in.start()
    yield stand_in
    await stand_in.stop()


@pytest.fixture
async def authority(rbac: StandIn) -> AsyncIterator[Authority]:
    channel = open_async(rbac.endpoint)
    yield Authority(channel, structlog.get_logger())
    await channel.close()
