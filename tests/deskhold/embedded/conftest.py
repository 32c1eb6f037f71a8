from pathlib import Path

import pytest

from deskhold.embedded.home import lay_out
from deskhold.embedded.paths import Home
from tests.ports import held_ports


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return lay_out(tmp_path / "var", held_ports())
