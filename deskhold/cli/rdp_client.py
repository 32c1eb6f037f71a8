"""Starting the Remote Desktop client of this machine on an `.rdp` file of its own."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from deskhold.errors import FailedPrecondition

# Long enough for a program that another one starts to read the file.
_READ_SECONDS: Final = 30.0
# Codes below are those of FreeRDP for reasons that the host gave when it ended the connection.
_FIRST_FAILURE: Final = 128


@dataclass(frozen=True, slots=True)
class RdpClient:
    """A program that opens `.rdp` files.

    Attributes:
        command: Program and arguments; the path of the file is added as the last one.
        stays: Whether it runs as long as the session; otherwise it hands the file to another
            program and ends.
    """

    command: tuple[str, ...]
    stays: bool = True

    @property
    def name(self) -> str:
        """The name of the program."""
        return Path(self.command[0]).name

    def open(self, content: bytes, *, title: str) -> None:
        """Open a file that only this user can read and that is removed afterwards.

        Args:
            content: The `.rdp` file.
            title: Its name without the suffix, which clients show.

        Raises:
            FailedPrecondition: The program cannot be started, or did not get to a session.
        """
        with tempfile.TemporaryDirectory(prefix="deskhold-") as directory:
            file = Path(directory) / f"{title}.rdp"
            file.write_bytes(content)
            try:
                code = subprocess.run([*self.command, str(file)], check=False).returncode
            except OSError as error:
                raise _failed(f"{self.name} cannot be started: {error.strerror}") from error
            if code < 0 or code >= _FIRST_FAILURE or (code and not self.stays):
                raise _failed(f"{self.name} ended with code {code} before a session was open")
            if not self.stays:
                time.sleep(_READ_SECONDS)


_FREERDP: Final = ("xfreerdp3", "wlfreerdp3", "sdl-freerdp3", "xfreerdp", "wlfreerdp")


def find_client(chosen: str, environ: Mapping[str, str]) -> RdpClient:
    """Return the client of this machine.

    Args:
        chosen: Its command line, if the user has chosen one; empty: the first one that is there.
        environ: The environment variables; PATH, DISPLAY and WAYLAND_DISPLAY are read.

    Raises:
        FailedPrecondition: There is none, or no screen to show it on.
    """
    path = environ.get("PATH", os.defpath)
    if chosen:
        words = tuple(shlex.split(chosen))
        if not words or shutil.which(words[0], path=path) is None:
            raise _failed(f"there is no program {chosen!r} on the path; choose another client")
        return RdpClient(words)
    if sys.platform == "win32":
        return RdpClient(("mstsc.exe",))
    if sys.platform == "darwin":
        return RdpClient(("open",), stays=False)
    if not (environ.get("DISPLAY") or environ.get("WAYLAND_DISPLAY")):
        raise _failed(
            "there is no screen here (neither DISPLAY nor WAYLAND_DISPLAY is set); write the file"
            " with -o rdp and open it where there is one"
        )
    for command in _FREERDP:
        if shutil.which(command, path=path):
            return RdpClient((command,))
    for words in (("remmina", "-c"), ("xdg-open",)):
        if shutil.which(words[0], path=path):
            return RdpClient(words, stays=False)
    raise _failed(
        "no Remote Desktop client was found (FreeRDP, Remmina or xdg-open); install one, name one"
        " with --client, or write the file with -o rdp"
    )


def _failed(message: str) -> FailedPrecondition:
    return FailedPrecondition(message, reason="RDP_CLIENT_FAILED")
