from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.journeys.cmdlets.desk import Desk
from tests.journeys.pair import Pair

# What is wrong with an effect is said by the assertions there.
pytest.register_assert_rewrite("tests.journeys.cmdlets.answers", "tests.journeys.cmdlets.cases")


@pytest.fixture(scope="module")
def desk(_pair: Pair) -> Iterator[Desk]:
    """The Owner's desk; nothing here ends a service."""
    _pair.revive()
    with _pair.blocking_client() as client:
        yield Desk(_pair, client)
