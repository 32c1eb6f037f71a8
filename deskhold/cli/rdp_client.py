"""Starting the Remote Desktop client of this machine on an `.rdp` file of its own."""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Final, NoReturn

from deskhold.errors import FailedPrecondition

# Long enough for a program that another one starts to read the file.
_READ_SECONDS: Final = 30.0
_FREERDP: Final = ("xfreerdp3", "wlfreerdp3", "sdl-freerdp3", "xfreerdp", "wlfreerdp")
# FreeRDP's exit codes for a session that has ended: by the user, by the host, or by a time limit
# (xfreerdp(1), EXIT STATUS). 1 is also what it ends with where there is no screen.
_FREERDP_ENDS: Final = frozenset({0, 2, 3, 4, 5, 11, 12})
# What a client prints must not mix with what -o prints.
_STDERR: Final = 2
_ENDING_SIGNALS: Final = ("SIGTERM", "SIGHUP")  # Windows has no SIGHUP


@dataclass(frozen=True, slots=True)
class RdpClient:
    """A program that opens `.rdp` files.

    Attributes:
        command: Program and arguments. The path of the file replaces `{}`. Where there is none, it
            is the first argument of FreeRDP, which reads it only there, and the last of others.
    """

    command: tuple[str, ...]

    @property
    def name(self) -> str:
        """The name of the program, without a suffix."""
        return Path(self.command[0]).stem

    def open(self, content: bytes, *, title: str) -> None:
        """Open a file that only this user can read and that is removed afterwards.

        The file stays until FreeRDP or mstsc ends. Any other program may have passed it on to
        another process, so it stays for 30 seconds more.

        Args:
            content: The `.rdp` file.
            title: Its name without the suffix, which clients show.

        Raises:
            FailedPrecondition: The file cannot be written, the program cannot be started, or ends
                with a code that does not mean that a session has ended.
        """
        with _exit_on_signals(), _file(content, title) as path:
            try:
                code = subprocess.run(self._words(path), stdout=_STDERR, check=False).returncode
            except OSError as error:
                raise _failed(f"{self.name} cannot be started: {error.strerror}") from error
            if code not in self._session_ends(code):
                raise _failed(f"{self.name} ended with code {code}; its own messages are above")
            if self.name not in (*_FREERDP, "mstsc"):
                time.sleep(_READ_SECONDS)

    def _words(self, path: str) -> list[str]:
        program, *words = self.command
        if "{}" not in words:
            words.insert(0 if self.name in _FREERDP else len(words), "{}")
        return [program, *(path if word == "{}" else word for word in words)]

    def _session_ends(self, code: int) -> frozenset[int]:
        if self.name == "mstsc":
            return frozenset({code})  # its codes are not documented
        return _FREERDP_ENDS if self.name in _FREERDP else frozenset({0})


def find_client(chosen: str | None, environ: Mapping[str, str]) -> RdpClient:
    """Return the client of this machine.

    Args:
        chosen: Its command line; None: the first client that is there.
        environ: The environment variables; PATH, DISPLAY and WAYLAND_DISPLAY are read.

    Raises:
        FailedPrecondition: There is none, or no screen to show it on.
    """
    path = environ.get("PATH", os.defpath)
    if chosen is not None:
        try:
            words = tuple(shlex.split(chosen))
        except ValueError as error:
            raise _failed(f"--client {chosen!r} is no command line: {error}") from error
        if not words or shutil.which(words[0], path=path) is None:
            program = words[0] if words else ""
            raise _failed(
                f"--client: there is no program {program!r} on the path; install it or name another"
            )
        return RdpClient(words)
    if sys.platform == "win32":
        return RdpClient(("mstsc.exe",))
    if sys.platform == "darwin":
        return RdpClient(("open",))
    if not (environ.get("DISPLAY") or environ.get("WAYLAND_DISPLAY")):
        raise _failed(
            "there is no screen here (neither DISPLAY nor WAYLAND_DISPLAY is set); write the file"
            " with -o rdp and open it where there is one"
        )
    for words in (*((name,) for name in _FREERDP), ("remmina", "-c"), ("xdg-open",)):
        if shutil.which(words[0], path=path):
            return RdpClient(words)
    raise _failed(
        "no Remote Desktop client was found (FreeRDP, Remmina or xdg-open); install one, name one"
        " with --client, or write the file with -o rdp"
    )


@contextmanager
def _file(content: bytes, title: str) -> Iterator[str]:
    """Write a file that only this user can read; yields its path and removes it at the end."""
    try:
        directory = tempfile.TemporaryDirectory(prefix="deskhold-", ignore_cleanup_errors=True)
    except OSError as error:
        raise _not_written(error) from error
    with directory as folder:
        file = Path(folder) / f"{title}.rdp"
        try:
            file.write_bytes(content)
        except OSError as error:
            raise _not_written(error) from error
        yield str(file)


@contextmanager
def _exit_on_signals() -> Iterator[None]:
    """Let SIGTERM and SIGHUP unwind the stack, which removes the file."""

    def exit_now(number: int, _frame: FrameType | None) -> NoReturn:
        sys.exit(128 + number)

    numbers = [getattr(signal, name) for name in _ENDING_SIGNALS if hasattr(signal, name)]
    before = {number: signal.signal(number, exit_now) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _not_written(error: OSError) -> FailedPrecondition:
    return _failed(
        f"no file for the client can be written: {error.strerror}; set TMPDIR to a folder with room"
    )


def _failed(message: str) -> FailedPrecondition:
    return FailedPrecondition(message, reason="RDP_CLIENT_FAILED")
