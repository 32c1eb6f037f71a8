from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest

from deskhold.client import AsyncClient
from tests.journeys.pair import Pair


@pytest.fixture(scope="session")
def _pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    pair = Pair(tmp_path_factory.mktemp("pair") / "var")
    try:
        pair.start()
        yield pair
    finally:
        pair.stop()


@pytest.fixture
def pair(_pair: Pair) -> Pair:
    """Both services as processes, bootstrapped, serving.

    All tests share them, so each names collections, hosts and users of its own. A test may end a
    service: the next one finds it started again.
    """
    _pair.revive()
    return _pair


@pytest.fixture
async def admin(pair: Pair) -> AsyncIterator[AsyncClient]:
    """The Owner's client."""
    async with pair.client() as client:
        yield client
