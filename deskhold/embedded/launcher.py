"""Starting the services in order, staying with them, stopping them in reverse order."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from deskhold.embedded import files, health
from deskhold.embedded.child import Child, Service, describe_exit
from deskhold.embedded.paths import Home
from deskhold.errors import FailedPrecondition, Unavailable

GRACE_SECONDS = 20.0
START_SECONDS = 60.0

# Enough to show why a service would not start.
_SHOWN_LOG_LINES = 5
_STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Launcher:
    """The services of one home, in the foreground.

    Args:
        home: The laid-out state directory.
        services: What to start, in this order.
        environ: The environment that the services get.
        say: Called with each line for the person at the terminal.
        next_step: What to say once everything serves.
        grace_seconds: How long each service may take to stop.
        start_seconds: How long each service may take until it serves.
    """

    def __init__(
        self,
        home: Home,
        services: Sequence[Service],
        *,
        environ: Mapping[str, str],
        say: Callable[[str], None],
        next_step: str = "",
        grace_seconds: float = GRACE_SECONDS,
        start_seconds: float = START_SECONDS,
    ) -> None:
        self._home = home
        self._services = services
        self._environ = environ
        self._say = say
        self._next_step = next_step
        self._grace_seconds = grace_seconds
        self._start_seconds = start_seconds
        self._stop = asyncio.Event()
        self._hurry = asyncio.Event()
        self._children: list[Child] = []
        self._reports: list[asyncio.Task[None]] = []

    async def run(self) -> int:
        """Start the services and stay until a signal says stop, or until all of them are gone.

        Returns:
            The exit code: 0 when told to stop, 1 when the services ended by themselves.

        Raises:
            FailedPrecondition: One of the services already runs from this home; none was started.
            Unavailable: A service did not serve in time; what had been started is stopped.
            OSError: A service's process cannot be started; what had been started is stopped.
        """
        with self._listening_to_signals(), self._locks() as locks:
            told_to_stop = asyncio.create_task(self._stop.wait())
            try:
                await self._start_all(locks, told_to_stop)
                all_gone = asyncio.gather(*self._reports)
                ends: set[asyncio.Future[Any]] = {told_to_stop, all_gone}
                await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
                return 0 if self._stop.is_set() else 1
            finally:
                told_to_stop.cancel()
                await self._stop_all()

    async def _start_all(self, locks: dict[str, int], told_to_stop: asyncio.Task[bool]) -> None:
        for service in self._services:
            child = await Child.start(
                service, home=self._home, environ=self._environ, lock=locks.pop(service.name)
            )
            self._children.append(child)
            child.publish_process_id()
            self._reports.append(asyncio.create_task(self._report_end(child)))
            if not await self._is_up(child, told_to_stop):
                # What comes later in the order needs this one, and would refuse everything.
                return
            self._say(f"{service.name} listens on {service.address} (process {child.process_id})")
        if self._next_step:
            self._say(self._next_step)

    async def _is_up(self, child: Child, told_to_stop: asyncio.Task[bool]) -> bool:
        """Wait until the child serves; False when it ended, or we are to stop, before that."""
        ca_pem = self._home.ca_file.read_bytes()
        serving = asyncio.create_task(health.until_serving(child.service.address, ca_pem))
        try:
            done, _ = await asyncio.wait(
                {serving, child.exited, told_to_stop},
                timeout=self._start_seconds,
                return_when=asyncio.FIRST_COMPLETED,
            )
        finally:
            serving.cancel()
        if not done:
            raise Unavailable(
                f"{child.service.name} does not serve on {child.service.address} after"
                f" {self._start_seconds:g} seconds;"
                f" {self._home.log_file(child.service.name)} says more",
                reason="SERVICE_NOT_SERVING",
                metadata={"service": child.service.name, "address": child.service.address},
            )
        if serving in done:
            serving.result()
        return serving in done and child.is_running

    async def _report_end(self, child: Child) -> None:
        code = await child.exited
        if self._stop.is_set():
            return
        name = child.service.name
        left = " and ".join(each.service.name for each in self._children if each.is_running)
        stays = f"; {left} keeps running" if left else ""
        for line in files.last_lines(self._home.log_file(name), _SHOWN_LOG_LINES):
            self._say(f"{name}: {line}")
        self._say(f"{name} {describe_exit(code)}{stays}. To start it again, type:")
        self._say(f"    {child.service.start_alone}")

    async def _stop_all(self) -> None:
        self._stop.set()
        for child in reversed(self._children):
            if child.is_running:
                self._say(f"stopping {child.service.name}")
                await child.stop(grace_seconds=self._grace_seconds, hurry=self._hurry)
        await asyncio.gather(*self._reports)

    @contextmanager
    def _locks(self) -> Iterator[dict[str, int]]:
        """Hold the lock of every service until its child takes it over, or of none."""
        held: dict[str, int] = {}
        try:
            for service in self._services:
                lock = files.try_lock(self._home.lock_file(service.name))
                if lock is None:
                    raise self._already_running(service.name)
                held[service.name] = lock
            yield held
        finally:
            for lock in held.values():
                os.close(lock)

    def _already_running(self, name: str) -> FailedPrecondition:
        process_id = self._home.process_id(name)
        return FailedPrecondition(
            f"{name} already runs from {self._home.path} as process {process_id};"
            " stop that one first, or choose another state directory with DESKHOLD_HOME",
            reason="ALREADY_RUNNING",
            metadata={"service": name, "home": str(self._home.path), "process": process_id},
        )

    @contextmanager
    def _listening_to_signals(self) -> Iterator[None]:
        loop = asyncio.get_running_loop()
        for number in _STOP_SIGNALS:
            loop.add_signal_handler(number, self._be_told_to_stop)
        try:
            yield
        finally:
            for number in _STOP_SIGNALS:
                loop.remove_signal_handler(number)

    def _be_told_to_stop(self) -> None:
        """Stop in order; the second time, at once."""
        if self._stop.is_set():
            self._hurry.set()
        self._stop.set()
