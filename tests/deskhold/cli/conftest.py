from __future__ import annotations

import os
import pty
import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import pytest
from click.testing import CliRunner, Result

from deskhold.cli import main


class Run(Protocol):
    def __call__(self, *arguments: str, stdin: str | bytes = "") -> Result: ...


@dataclass(frozen=True)
class Shown:
    """What a command did on a terminal."""

    code: int
    stdout: str
    terminal: str


class RunOnTerminal(Protocol):
    def __call__(self, *arguments: str, answer: str = "", stdout_too: bool = False) -> Shown: ...


@pytest.fixture
def environ(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for key in [key for key in os.environ if key.startswith("DESKHOLD_")]:
        monkeypatch.delenv(key)
    monkeypatch.setenv("DESKHOLD_HOME", str(home))
    monkeypatch.setenv("GRPC_VERBOSITY", "NONE")


@pytest.fixture
def run(environ: None) -> Run:
    """Run the command line away from any terminal."""

    def invoke(*arguments: str, stdin: str | bytes = "") -> Result:
        result = CliRunner().invoke(main, arguments, input=stdin)
        if result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    return invoke


@pytest.fixture
def run_on_terminal(environ: None) -> RunOnTerminal:
    """Run the command line in a process of its own, with a terminal for stdin and stderr."""

    def invoke(*arguments: str, answer: str = "", stdout_too: bool = False) -> Shown:
        ours, theirs = pty.openpty()
        os.write(ours, answer.encode())
        command = [sys.executable, "-c", "from deskhold.cli import main; main()", *arguments]
        stdout = theirs if stdout_too else subprocess.PIPE
        with subprocess.Popen(command, stdin=theirs, stderr=theirs, stdout=stdout) as process:
            os.close(theirs)
            piped = process.stdout.read().decode() if process.stdout else ""
            shown = _drain(ours)
        return Shown(process.returncode, piped, shown)

    return invoke


def _drain(terminal: int) -> str:
    parts = []
    with suppress(OSError):  # EIO: the other side is closed and all is read
        while part := os.read(terminal, 65536):
            parts.append(part)
    os.close(terminal)
    return b"".join(parts).decode()
