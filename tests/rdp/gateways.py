"""Programs between a client and a host: the example gateway, and HAProxy before two of them."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from tests.journeys.pair import TENANT, Pair
from tests.rdp.facts import excerpts, text_of
from tests.rdp.host import ADDRESS, ENDS_WITH_THE_TESTS

_CONFIGURATION = Path(__file__).parents[2] / "examples" / "gateway" / "haproxy.cfg"
_USER = "gateway@contoso.com"


class Gateway:
    """One process of the example gateway.

    Args:
        pair: The services that it asks.
        folder: A folder of its own.

    Attributes:
        port: Where it listens.
    """

    def __init__(self, pair: Pair, folder: Path) -> None:
        folder.mkdir()
        pair.deskhold(
            *("role-assignment", "create", "--role", "RDS Gateway", "--user", _USER),
            *("--tenant", "default"),
        ).check_returncode()
        self._log = folder / "gateway.log"
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [
                    *(*ENDS_WITH_THE_TESTS, sys.executable, "-m", "examples.gateway.gateway"),
                    *("--listen", f"{ADDRESS}:0", "--tenant", TENANT),
                ],
                env=pair.environ | {"DESKHOLD_TOKEN_FILE": str(pair.token_file(_USER))},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        assert self._process.stdout is not None
        with self._process.stdout as stdout:
            line = stdout.readline()
        assert "listens on" in line, (
            f"the gateway did not start\n{excerpts({'gateway': self._log})}"
        )
        self.port = int(line.rpartition(":")[2])

    @property
    def log(self) -> str:
        """Everything that it has logged."""
        return text_of(self._log)

    def kill(self) -> None:
        """End it with its connections."""
        self._process.kill()
        self._process.wait()


class Balancer:
    """HAProxy with the example's configuration.

    Args:
        gateways: The two gateways that it balances over.
        folder: A folder of its own.

    Attributes:
        port: Where it listens.
    """

    def __init__(self, gateways: Sequence[Gateway], folder: Path) -> None:
        folder.mkdir()
        configuration = folder / "haproxy.cfg"
        with socket.create_server((ADDRESS, 0)) as listener:
            self.port = int(listener.getsockname()[1])
            text = _CONFIGURATION.read_text()
            for theirs, ours in (
                ("bind :3389", f"bind fd@{listener.fileno()}"),
                *zip(
                    ("127.0.0.1:3391", "127.0.0.1:3392"),
                    (f"{ADDRESS}:{gateway.port}" for gateway in gateways),
                    strict=True,
                ),
            ):
                text, replaced = re.subn(f"(?m)(^ *[^#\n]*){theirs}$", rf"\g<1>{ours}", text)
                assert replaced == 1, f"{_CONFIGURATION} has no line that ends with {theirs}"
            configuration.write_text(text)
            with (folder / "haproxy.log").open("wb") as log:
                # The listener is open already: clients wait in its queue until HAProxy accepts.
                self._process = subprocess.Popen(
                    [*ENDS_WITH_THE_TESTS, "haproxy", "-db", "-f", str(configuration)],
                    env=os.environ,
                    pass_fds=[listener.fileno()],
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                )

    def stop(self) -> None:
        """End it with its connections."""
        self._process.send_signal(signal.SIGTERM)
        self._process.wait()
