from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.databases import Databases
from tests.races import BROKER_MIGRATIONS
from tests.races.race import Race


@pytest.fixture
def race(databases: Databases) -> Iterator[Race]:
    made = Race(databases.new(BROKER_MIGRATIONS))
    yield made
    made.close()
