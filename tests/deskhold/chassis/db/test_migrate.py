from __future__ import annotations

from pathlib import Path

import pytest

from deskhold.chassis.db import Database, migrate
from deskhold.chassis.settings import SettingsError
from tests.deskhold.chassis.things import MIGRATIONS, put, stored


async def test_migrating_again_changes_nothing(database: Database, database_url: str) -> None:
    await database.write(put("pc-1"))

    migrate(database_url, MIGRATIONS)

    assert stored(database_url) == {"pc-1"}


def test_migrating_makes_the_folder_of_the_database(tmp_path: Path) -> None:
    file = tmp_path / "not" / "there" / "things.db"

    migrate(f"sqlite:///{file}", MIGRATIONS)

    assert file.exists()


def test_a_file_that_is_no_database_is_a_problem_of_the_settings(tmp_path: Path) -> None:
    folder = tmp_path / "things.db"
    folder.mkdir()

    with pytest.raises(SettingsError, match=r"things\.db"):
        migrate(f"sqlite:///{folder}", MIGRATIONS)
