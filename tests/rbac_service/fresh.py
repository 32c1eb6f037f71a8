"""Fixtures of the rooms whose tests want a deployment each, in process and on each database."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.rbac_service.deployments import Deployment, Keys


@pytest.fixture(scope="session")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Keys:
    return Keys.make(tmp_path_factory.mktemp("keys"))


@pytest.fixture
async def deployment(database_url: str, keys: Keys) -> AsyncIterator[Deployment]:
    """A deployment whose Owner is alice@x, with nothing running yet."""
    made = await Deployment.make(database_url, keys)
    yield made
    await made.close()
