"""A terminal of its own for the command line."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass


@dataclass(frozen=True)
class Shown:
    """What a command did on a terminal."""

    code: int
    stdout: str
    terminal: str


def run_on_terminal(
    arguments: Sequence[str],
    environ: Mapping[str, str],
    *,
    answer: str = "",
    stdout_too: bool = False,
) -> Shown:
    """Run the command line in a process of its own, with a terminal for stdin and stderr."""
    ours, theirs = pty.openpty()
    os.write(ours, answer.encode())
    command = [sys.executable, "-c", "from deskhold.cli import main; main()", *arguments]
    stdout = theirs if stdout_too else subprocess.PIPE
    with subprocess.Popen(
        command, env=environ, stdin=theirs, stderr=theirs, stdout=stdout
    ) as process:
        os.close(theirs)
        piped = process.stdout.read().decode() if process.stdout else ""
        shown = _drain(ours)
    return Shown(process.returncode, piped, shown)


def _drain(terminal: int) -> str:
    parts = []
    with suppress(OSError):  # EIO: the other side is closed and all is read
        while part := os.read(terminal, 65536):
            parts.append(part)
    os.close(terminal)
    return b"".join(parts).decode()
