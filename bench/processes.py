"""Server processes: started, watched for their CPU, stopped."""

from __future__ import annotations

import os
import random
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

START_SECONDS = 60.0
STOP_SECONDS = 30.0
# Short beside the seconds that a start takes, long beside what a look costs.
_POLL_SECONDS = 0.05
_TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")
# Below the range from which the kernel takes the ports of outgoing connections.
_FIRST_PORT, _LAST_PORT = 20_000, 32_000
_handed_out: set[int] = set()


class Server:
    """A Python module that runs as a server, logging to a file.

    Args:
        module: As in `python -m`.
        arguments: What follows it.
        port: Where it listens on the loopback address once it serves.
        log: Gets its standard output and error.
        environ: Added to the environment of this process.
    """

    def __init__(
        self,
        module: str,
        *arguments: str,
        port: int,
        log: Path,
        environ: Mapping[str, str] | None = None,
    ) -> None:
        self.name = " ".join((module, *arguments))
        self._log = log
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                [sys.executable, "-m", module, *arguments],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env={**os.environ, **(environ or {})},
                start_new_session=True,  # Ctrl-C is for the parent, which stops them in order
            )
        self._wait_until_it_listens(port)

    @property
    def state(self) -> str:
        """Whether it runs, or how it ended."""
        code = self._process.poll()
        return f"{self.name} {'runs' if code is None else f'ended with exit code {code}'}"

    def cpu_seconds(self) -> float:
        """Return what all threads of the process have used, in user and kernel mode."""
        stat = Path(f"/proc/{self._process.pid}/stat").read_text("ascii")
        fields = stat.rpartition(")")[2].split()  # the name before may hold spaces
        return (int(fields[11]) + int(fields[12])) / _TICKS_PER_SECOND

    def stop(self) -> None:
        """Ask it to end, insist after a while."""
        self._process.terminate()
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    def _wait_until_it_listens(self, port: int) -> None:
        until = time.monotonic() + START_SECONDS
        while time.monotonic() < until:
            if self._process.poll() is not None:
                break
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    return
            time.sleep(_POLL_SECONDS)
        state = self.state
        self.stop()
        tail = self._log.read_text("utf-8", errors="replace")[-2000:]
        raise RuntimeError(f"{state}, but does not serve on port {port}; its log ends:\n{tail}")


def free_ports(count: int) -> int:
    """Return the first of so many neighbouring ports that are free and were not returned before."""
    while True:
        first = random.randrange(_FIRST_PORT, _LAST_PORT - count)
        wanted = range(first, first + count)
        if _handed_out.isdisjoint(wanted) and all(map(_is_free, wanted)):
            _handed_out.update(wanted)
            return first


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True
