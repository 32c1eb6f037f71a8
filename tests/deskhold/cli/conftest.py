from __future__ import annotations

import os
from pathlib import Path
from typing import Protocol

import pytest
from click.testing import CliRunner, Result

from deskhold.cli import main
from tests import terminals
from tests.terminals import Shown


class Run(Protocol):
    def __call__(self, *arguments: str, stdin: str | bytes = "") -> Result: ...


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
        return terminals.run_on_terminal(
            arguments, os.environ, answer=answer, stdout_too=stdout_too
        )

    return invoke
