"""A collection of real hosts, managed and used by the real command line."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from tests.journeys.pair import Pair
from tests.rdp.host import ADDRESS, Host

_DESKHOLD = str(Path(sys.executable).with_name("deskhold"))
_STAFF = "staff"


class Desks:
    """A collection whose members are hosts that run here; each of its users may connect.

    Args:
        pair: Both services.
        collection: Its id.
        hosts: Its hosts.
        flags: How it is made.
        folder: Where the files are saved that users are handed.

    Attributes:
        collection: Its id.
        hosts: Its hosts.
    """

    def __init__(
        self, pair: Pair, collection: str, *flags: str, hosts: Sequence[Host], folder: Path
    ) -> None:
        self._pair = pair
        self.collection = collection
        self.hosts = hosts
        self._folder = folder
        self.run("collection", "create", collection, *flags)
        for host in hosts:
            self.run(
                *("host", "add", "--collection", collection, host.name),
                *("--address", ADDRESS, "--port", str(host.port)),
            )
        self.run(
            *("role-assignment", "create", "--role", "RDS User"),
            *("--group", _STAFF, "--collection", collection),
        )

    def run(self, *words: str) -> str:
        """Run a command as the Owner; return what it printed."""
        done = self._pair.deskhold(*words)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def put_behind(self, port: int, token_form: str) -> None:
        """Let clients connect to a gateway on this machine, with tokens as it reads them."""
        self.run(
            *("collection", "update", self.collection),
            *("--gateway", f"{ADDRESS}:{port}", "--gateway-token", token_form),
        )

    def file_for(self, user: str, *flags: str) -> Path:
        """Connect as a user; return the file, saved as it was printed."""
        saved = self._folder / f"{self.collection}-{len(list(self._folder.iterdir()))}.rdp"
        token = self._pair.token_file(user, _STAFF)
        with saved.open("wb") as stdout:
            done = subprocess.run(
                [_DESKHOLD, "connect", self.collection, *flags, "-o", "rdp"],
                env=self._pair.environ | {"DESKHOLD_TOKEN_FILE": str(token)},
                stdin=subprocess.DEVNULL,
                stdout=stdout,
                stderr=subprocess.PIPE,
                text=True,
                check=False,
            )
        assert done.returncode == 0, done.stderr
        return saved

    def host_in(self, rdp_file: Path) -> Host:
        """Return the host that a file leads to."""
        address = setting(rdp_file, "full address:s")
        (host,) = (host for host in self.hosts if address == f"{ADDRESS}:{host.port}")
        return host


def text_in(rdp_file: Path) -> str:
    """Return what a file says."""
    return rdp_file.read_bytes().decode("utf-16")


def setting(rdp_file: Path, name: str) -> str:
    """Return what a file sets, as `username:s` for a name."""
    lines = text_in(rdp_file).splitlines()
    (value,) = (line.removeprefix(f"{name}:") for line in lines if line.startswith(f"{name}:"))
    return value


def local_account_of(user: str) -> str:
    """Return the account of a user on hosts that know no domain."""
    return user.partition("@")[0]
