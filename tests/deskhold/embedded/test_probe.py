import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from deskhold import environment
from deskhold.embedded.health import until_serving
from deskhold.embedded.home import lay_out
from deskhold.embedded.paths import Home
from tests.deskhold.embedded.stand_ins import stand_in
from tests.ports import held_ports

ROOT = Path(__file__).parents[3]


def probe(home: Path, address: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "deskhold.embedded.probe", address],
        env={**os.environ, "DESKHOLD_HOME": str(home)},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@contextmanager
def serving(home: Home, address: str) -> Iterator[None]:
    process = subprocess.Popen(stand_in(home, "rbac", address).command)
    try:
        ca_pem = home.ca_file.read_bytes()
        asyncio.run(asyncio.wait_for(until_serving(address, ca_pem), timeout=30))
        yield
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=10)


@pytest.fixture
def address(home: Home) -> str:
    return environment.read({environment.HOME: str(home.path)})["DESKHOLD_RBAC_ADDRESS"]


def test_a_server_that_serves_is_exit_code_zero_without_a_word(home: Home, address: str) -> None:
    with serving(home, address):
        done = probe(home.path, address)

    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_a_server_that_is_not_there_is_exit_code_one_with_the_reason(
    home: Home, address: str
) -> None:
    done = probe(home.path, address)

    assert done.returncode == 1
    assert done.stderr == f"probe: {address} did not report SERVING within 3 seconds\n"


def test_a_server_of_another_authority_is_exit_code_one(
    home: Home, address: str, tmp_path: Path
) -> None:
    stranger = lay_out(tmp_path / "stranger", held_ports())

    with serving(home, address):
        done = probe(stranger.path, address)

    assert done.returncode == 1
    assert address in done.stderr


def test_without_settings_the_one_that_is_missing_is_named(tmp_path: Path) -> None:
    done = probe(tmp_path, "localhost:7444")

    assert done.returncode == 1
    assert done.stderr == "probe: DESKHOLD_CA_FILE is not set\n"
