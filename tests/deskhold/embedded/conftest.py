from pathlib import Path

import pytest

from deskhold.embedded.home import lay_out
from deskhold.embedded.paths import Home
from tests.deskhold.embedded.stand_ins import free_base_port


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return lay_out(tmp_path / "var", free_base_port())
