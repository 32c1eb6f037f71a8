"""A person at a Remote Desktop client that is not ours: Debian's xfreerdp on an X screen."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

from tests.rdp.facts import excerpts, text_of, wait_for
from tests.rdp.host import ENDS_WITH_THE_TESTS, Host

# Lossy codecs and 16 bits a pixel move a colour a little.
_NEARLY = "10%"


class Screen:
    """A virtual X screen, seen only through screenshots.

    Args:
        folder: A folder of its own.

    Attributes:
        display: Its name.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        reading, writing = os.pipe()
        with (folder / "xvfb.out").open("wb") as out, os.fdopen(reading) as number:
            self._process = subprocess.Popen(
                [
                    *(*ENDS_WITH_THE_TESTS, "Xvfb", "-displayfd", str(writing)),
                    *("-screen", "0", "1024x768x24", "-nolisten", "tcp"),
                ],
                pass_fds=[writing],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
            )
            os.close(writing)
            # The server writes its number once it serves.
            self.display = f":{number.readline().strip()}"
        assert self.display != ":", f"Xvfb ended:\n{text_of(folder / 'xvfb.out')}"

    def share_of(self, colour: str) -> float:
        """Take a screenshot; return the share of its pixels that have nearly this colour."""
        shot = self.folder / "screen.png"
        for command in (
            ["import", "-display", self.display, "-window", "root", str(shot)],
            [
                *("convert", str(shot), "-fuzz", _NEARLY, "-fill", "white", "-opaque", colour),
                *("-fill", "black", "+opaque", "white", "-format", "%[fx:mean]", "info:"),
            ],
        ):
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            assert done.returncode == 0, f"{command[0]} failed:\n{done.stderr}"
        return float(done.stdout)

    def close(self) -> None:
        """End the X server."""
        self._process.terminate()
        self._process.wait()


class Client:
    """One run of xfreerdp.

    Args:
        rdp_file: The file that it opens.
        flags: Further words of its command line.
        password: The password that its user types.
        screen: Where it draws.
        host: Where it is expected to lead; its logs are shown when it does not.
    """

    def __init__(
        self, rdp_file: Path, *flags: str, password: str, screen: Screen, host: Host
    ) -> None:
        self._screen = screen
        self._host = host
        self._log = screen.folder / "xfreerdp.log"
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [
                    *(*ENDS_WITH_THE_TESTS, "xfreerdp", str(rdp_file)),
                    *(f"/p:{password}", "/cert-ignore", *flags),
                ],
                # It keeps certificates and settings in its home.
                env=os.environ | {"DISPLAY": screen.display, "HOME": str(screen.folder)},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    def wait_for_session(self, account: str) -> None:
        """Wait until the host has begun a session, and its desktop is up."""
        self._wait_for("a session", lambda: self._host.has_created_session_of(account))
        self._wait_for("the session's desktop", lambda: self._host.desktop_of(account))

    def wait_for_same_session(self, account: str) -> None:
        """Wait until the host has taken a session up again."""
        self._wait_for("the same session", lambda: self._host.has_reconnected_session_of(account))

    def wait_for_refusal(self, account: str) -> None:
        """Wait until the host has refused the password."""
        self._wait_for("a refusal", lambda: self._host.has_refused(account))

    def wait_for_program(self, program: str) -> None:
        """Wait until the host was asked for a program instead of a desktop."""
        self._wait_for(program, lambda: self._host.has_been_asked_to_run(program))

    def wait_for_picture(self) -> None:
        """Wait until most of the screen has the host's colour."""
        colour = self._host.colour
        self._wait_for("the host's desktop", lambda: self._screen.share_of(colour) > 0.5)

    def wait_for_error(self) -> str:
        """Wait until it has ended by itself; return the name of the error that it ended with."""
        code = wait_for("xfreerdp ends", self._ended, logs=self._logs)
        errors = re.findall(r"\b(ERR(?:CONNECT|INFO)_\w+)", text_of(self._log))
        assert errors, f"xfreerdp ended with {code} and named no error\n{excerpts(self._logs)}"
        return str(errors[-1])

    @property
    def is_open(self) -> bool:
        """Whether it still runs."""
        return self._ended() is None

    def close(self) -> None:
        """Close its window, which leaves the session on the host; returns when it has ended."""
        self._process.terminate()
        self._process.wait()

    @property
    def _logs(self) -> dict[str, Path]:
        return {"xfreerdp": self._log, **self._host.logs}

    def _wait_for(self, fact: str, look: Callable[[], object]) -> None:
        where = f"{fact} on {self._host.name}"
        wait_for(where, lambda: look() or not self.is_open, logs=self._logs)
        assert look(), f"xfreerdp ended before {where}\n{excerpts(self._logs)}"

    def _ended(self) -> str | None:
        code = self._process.poll()
        return None if code is None else f"exit code {code}"
