"""One service as a child process."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Self

from deskhold.embedded import files
from deskhold.embedded.paths import Home


@dataclass(frozen=True, slots=True)
class Service:
    """How a service is started, and where it answers.

    Attributes:
        name: Its name, as in `deskhold.embedded.paths.SERVICES`.
        command: The command line of its process.
        address: `host:port` where people reach it, and where it tells its health.
        start_alone: What to type to start this one only.
    """

    name: str
    command: tuple[str, ...]
    address: str
    start_alone: str


class Child:
    """A service's running process.

    Attributes:
        service: The service.
        exited: Done when the process has ended, with its exit code; a negative one is the signal
            that killed it.
    """

    def __init__(self, service: Service, process: asyncio.subprocess.Process, home: Home) -> None:
        self.service = service
        self._process = process
        self._home = home
        self.exited = asyncio.create_task(self._wait())

    @classmethod
    async def start(
        cls, service: Service, *, home: Home, environ: Mapping[str, str], lock: int
    ) -> Self:
        """Start the process.

        Args:
            service: What to start.
            home: The state directory it works in.
            environ: The environment it gets.
            lock: Descriptor holding the service's lock; handed over to the process and closed here.

        Raises:
            OSError: The command cannot be started.
        """
        log = files.open_log(home.log_file(service.name))
        try:
            process = await asyncio.create_subprocess_exec(
                *service.command,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=dict(environ),
                # The lock lives exactly as long as the process, even when we are killed before it.
                pass_fds=(lock,),
                # Ctrl-C reaches all processes of a terminal's group at once; these stop in order.
                start_new_session=True,
                # Databases and their journals are nobody else's to read either.
                umask=0o077,
            )
        finally:
            os.close(lock)
            os.close(log)
        return cls(service, process, home)

    @property
    def process_id(self) -> int:
        """The id of the process."""
        return self._process.pid

    def publish_process_id(self) -> None:
        """Write the process id to the home's pid file; the end of the process removes it."""
        name = self.service.name
        files.replace(self._home.pid_file(name), f"{self.process_id}\n".encode())

    @property
    def is_running(self) -> bool:
        """Whether the process has not been seen to end yet."""
        return not self.exited.done()

    async def stop(self, *, grace_seconds: float, hurry: asyncio.Event) -> None:
        """Ask the process to end, insist when the grace is over, and wait until it has.

        Args:
            grace_seconds: How long it may finish what it is doing.
            hurry: Ends the grace early.
        """
        if not self.is_running:
            return
        self._send(signal.SIGTERM)
        hurried = asyncio.create_task(hurry.wait())
        await asyncio.wait(
            {self.exited, hurried}, timeout=grace_seconds, return_when=asyncio.FIRST_COMPLETED
        )
        hurried.cancel()
        if self.is_running:
            self._send(signal.SIGKILL)
        await self.exited

    def _send(self, number: signal.Signals) -> None:
        with suppress(ProcessLookupError):  # it ended, and nobody has told us yet
            self._process.send_signal(number)

    async def _wait(self) -> int:
        code = await self._process.wait()
        # Somebody may have started the service again already: then the file is theirs.
        if self._home.process_id(self.service.name) == str(self._process.pid):
            self._home.pid_file(self.service.name).unlink(missing_ok=True)
        return code


def describe_exit(code: int) -> str:
    """Return how a process ended, in words: `ended with exit code 3`, `was killed by SIGKILL`."""
    if code >= 0:
        return f"ended with exit code {code}"
    try:
        return f"was killed by {signal.Signals(-code).name}"
    except ValueError:  # a real-time signal has a number only
        return f"was killed by signal {-code}"
