"""The README's commands that open a desktop do so, and print what it shows."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.journeys.pair import Pair
from tests.rdp.client import Screen
from tests.rdp.conftest import started
from tests.rdp.facts import wait_for
from tests.rdp.host import Host

README = Path(__file__).parents[2] / "README.md"
NINA = "nina@contoso.com"
COLOUR = "#2060c0"


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[Pair]:
    """Both services, and what the README has done with them before."""
    for pair in started(Pair(tmp_path / "var")):
        (tmp_path / "var" / "nina.token").write_bytes(pair.token_file(NINA, "staff").read_bytes())
        yield pair


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Host]:
    """The README's machine with xrdp."""
    host = Host(tmp_path / "pc-1", name="pc-1", colour=COLOUR, users=["nina"])
    host.start()
    yield host
    host.stop()


@pytest.fixture
def screen(tmp_path: Path) -> Iterator[Screen]:
    """Where the client draws."""
    screen = Screen(tmp_path)
    yield screen
    screen.close()


def commands(section: str) -> list[tuple[str, str]]:
    """Return each command of a section of the README, and what it prints."""
    _, _, rest = README.read_text().partition(f"### {section}\n")
    blocks = re.findall(r"(?s)```text\n(.*?)```", re.split(r"(?m)^##", rest, maxsplit=1)[0])
    typed = re.split(r"(?m)^\$ ", "".join(blocks))
    assert typed.pop(0) == "", "a block of the README begins with no command"
    return [(command, output) for command, _, output in (one.partition("\n") for one in typed)]


def test_the_readme_opens_a_desktop(pair: Pair, host: Host, screen: Screen, tmp_path: Path) -> None:
    log = host.logs[f"{host.name} sesman.log"]
    files = tmp_path / "files"
    files.mkdir()
    ours = {"3389": str(host.port), "/var/log/xrdp-sesman.log": str(log)}
    environ = pair.environ | {
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "DESKHOLD_TOKEN_FILE": str(pair.token_file("admin@contoso.com")),
        "PASSWORD": host.passwords["nina"],
        "DISPLAY": screen.display,
        "HOME": str(tmp_path),
        "TMPDIR": str(files),
    }

    def start(command: str) -> subprocess.Popen[str]:
        for theirs, here in ours.items():
            command = command.replace(theirs, here)
        with (tmp_path / "stderr").open("ab") as stderr:
            return subprocess.Popen(
                ["bash", "-c", f"exec {command}"],
                env=environ,
                cwd=tmp_path,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=stderr,
                text=True,
            )

    def is_drawn() -> bool:
        return screen.share_of(COLOUR) > 0.5

    *before, (opening, shown), (looking, seen) = commands("Opened by a client")
    for command, output in before:
        assert start(command).communicate()[0] == output
    client = start(opening)
    wait_for("the desktop", is_drawn, logs={"stderr": tmp_path / "stderr", **host.logs})

    assert start(looking).communicate()[0] == seen
    assert [file.name for file in files.glob("*/*")] == ["pc-1.rdp"]
    host.end_desktops()
    said, _ = client.communicate()
    assert said.replace(str(host.port), "3389") == shown
    assert client.returncode == 0
    assert list(files.iterdir()) == []
