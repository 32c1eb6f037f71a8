"""One run of `deskhold`: the global options, the settings they lead to, the client made of them.

grpc is imported when a command first needs the client, so that help and usage errors come at once.
"""

from __future__ import annotations

import logging
import os
import sys
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import click

from deskhold import environment
from deskhold.errors import FailedPrecondition

if TYPE_CHECKING:
    from deskhold.client import Client


@dataclass
class Invocation:
    """One run of the command line.

    Attributes:
        home: `--home`.
        token_file: `--token-file`.
        verbose: `--verbose`.
        debug: `--debug`.
    """

    home: str | None = None
    token_file: str | None = None
    verbose: bool = False
    debug: bool = False

    @property
    def environ(self) -> dict[str, str]:
        """The process's environment with the global options in it: an option wins."""
        options = {environment.HOME: self.home, "DESKHOLD_TOKEN_FILE": self.token_file}
        return dict(os.environ) | {key: value for key, value in options.items() if value}

    @property
    def settings(self) -> dict[str, str]:
        """Every setting.

        Raises:
            FailedPrecondition: The settings file cannot be read (SETTINGS_INVALID).
        """
        try:
            return environment.read(self.environ)
        except (OSError, ValueError) as error:
            raise FailedPrecondition(str(error), reason="SETTINGS_INVALID") from error

    @cached_property
    def client(self) -> Client:
        """The client of this run, closed when the command ends."""
        if not self.debug:
            # Its C core writes to stderr on its own; what matters of it is in our errors.
            os.environ.setdefault("GRPC_VERBOSITY", "NONE")
        from deskhold import tracing
        from deskhold.client import Client

        tracing.inherit(os.environ.get("TRACEPARENT", ""))
        self._log()
        _ = self.settings  # says what is wrong with them in our words
        client = Client.from_environment(self.environ)
        click.get_current_context().find_root().call_on_close(client.close)
        return client

    def say(self, text: str) -> None:
        """Talk: on stderr, and only where somebody listens."""
        if self.verbose or self.debug or sys.stderr.isatty():
            click.echo(text, err=True)

    def _log(self) -> None:
        logger = logging.getLogger("deskhold.client")
        level = logging.INFO if self.verbose else logging.CRITICAL
        logger.setLevel(logging.DEBUG if self.debug else level)
        logger.handlers = [_ToStderr()]
        logger.propagate = False


class _ToStderr(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        click.echo(record.getMessage(), err=True)


passed = click.make_pass_decorator(Invocation, ensure=True)
