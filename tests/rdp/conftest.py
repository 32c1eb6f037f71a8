from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack
from itertools import count
from pathlib import Path

import pytest

from deskhold.embedded.home import lay_out
from tests.journeys.pair import Pair
from tests.rdp.client import Client, Screen
from tests.rdp.desks import Desks, local_account_of
from tests.rdp.host import Host

ALICE = "alice@contoso.com"
BOB = "bob@contoso.com"
JUERGEN = "jürgen@contoso.com"
YAMADA = "山田太郎@contoso.com"
_numbers = count(1)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark whatever is in this folder, so that none of it runs without its programs."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker("rdp")


@pytest.fixture(scope="session")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    """Both services as processes, bootstrapped, serving."""
    yield from started(Pair(tmp_path_factory.mktemp("pair") / "var"))


@pytest.fixture
def unsigned_pair(tmp_path: Path) -> Iterator[Pair]:
    """Both services, and nothing to sign files with."""
    pair = Pair(tmp_path / "var")
    home = lay_out(pair.home.path, pair.base_port)
    lines = home.settings_file.read_text().splitlines(keepends=True)
    home.settings_file.write_text("".join(line for line in lines if "RDP_SIGNING" not in line))
    yield from started(pair)


def started(pair: Pair) -> Iterator[Pair]:
    """Start both services; stop them when the test is over."""
    try:
        pair.start()
        yield pair
    finally:
        pair.stop()


@pytest.fixture
def hosts(tmp_path: Path) -> Iterator[tuple[Host, Host]]:
    """Two hosts with a colour each.

    Their accounts are called as the broker's users are, as on machines that joined a domain; alice
    has a local one, too.
    """
    assert os.geteuid() == 0, "hosts need root for their namespaces; type: make rdp"
    users = [ALICE, BOB, JUERGEN, YAMADA, local_account_of(ALICE)]
    with ExitStack() as stack:
        made = []
        for colour in ("#2060c0", "#20a040"):
            # All tests share a tenant, where a host is in one collection.
            name = f"pc-{next(_numbers)}"
            host = Host(tmp_path / name, name=name, colour=colour, users=users)
            stack.callback(host.stop)
            host.start()
            made.append(host)
        yield made[0], made[1]


@pytest.fixture
def personal(pair: Pair, hosts: tuple[Host, Host], tmp_path: Path) -> Desks:
    """A personal collection of both hosts that assigns them by itself."""
    return _desks(pair, hosts, tmp_path, "--type", "personal", "--auto-assign")


@pytest.fixture
def local(pair: Pair, hosts: tuple[Host, Host], tmp_path: Path) -> Desks:
    """A personal collection whose files name users as local accounts are called."""
    flags = ("--type", "personal", "--auto-assign", "--user-name-format", "bare")
    return _desks(pair, hosts, tmp_path, *flags)


@pytest.fixture
def unsigned(unsigned_pair: Pair, hosts: tuple[Host, Host], tmp_path: Path) -> Desks:
    """A personal collection of both hosts whose files are not signed."""
    return _desks(unsigned_pair, hosts, tmp_path, "--type", "personal", "--auto-assign")


@pytest.fixture
def pooled(pair: Pair, hosts: tuple[Host, Host], tmp_path: Path) -> Desks:
    """A pooled collection of both hosts."""
    return _desks(pair, hosts, tmp_path, "--type", "pooled")


def _desks(pair: Pair, hosts: tuple[Host, Host], tmp_path: Path, *flags: str) -> Desks:
    files = tmp_path / "files"
    files.mkdir(exist_ok=True)
    return Desks(pair, f"desks-{next(_numbers)}", *flags, hosts=hosts, folder=files)


class Viewer:
    """Opens files with xfreerdp, each on a screen of its own."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self._folder = folder
        self._stack = stack
        self._numbers = count(1)

    def open(
        self, rdp_file: Path, account: str, host: Host, *flags: str, password: str = ""
    ) -> Client:
        """Open a file with the password that an account has on a host, or another one."""
        folder = self._folder / f"screen-{next(self._numbers)}"
        folder.mkdir()
        screen = Screen(folder)
        self._stack.callback(screen.close)
        password = password or host.passwords[account]
        client = Client(rdp_file, *flags, password=password, screen=screen, host=host)
        self._stack.callback(client.close)
        return client


@pytest.fixture
def viewer(tmp_path: Path) -> Iterator[Viewer]:
    """A person's machine with a Remote Desktop client."""
    with ExitStack() as stack:
        yield Viewer(tmp_path, stack)
