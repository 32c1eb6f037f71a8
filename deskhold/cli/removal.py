"""Removing: first see what would end, then ask, then do it.

`--what-if` only says. `--yes` does not ask. `--force` does not ask either and, where something in
use would be removed, removes it all the same. Without a terminal nobody can answer, so one of the
three is needed there.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any, TypeVar

import click

Outcome = TypeVar("Outcome")


@dataclass(frozen=True, slots=True)
class Removal:
    """How a removal is to be done, as the flags say."""

    force: bool
    yes: bool
    what_if: bool

    def verb(self, infinitive: str, past: str) -> str:
        """Return the past, or with `--what-if` what would be done."""
        return f"would {infinitive}" if self.what_if else past

    def run(
        self,
        attempt: Callable[[bool], Outcome],
        question: Callable[[Outcome], str],
    ) -> Outcome:
        """Return what ended, or with `--what-if` what would.

        Args:
            attempt: Makes the removal, or with True only checks it; returns what ends.
            question: Turns what would end into the question to ask.

        Raises:
            Abort: The answer is no.
        """
        if self.what_if:
            return attempt(True)
        if not (self.force or self.yes):
            click.confirm(question(attempt(True)), default=False, abort=True, err=True)
        return attempt(False)


def removal_options(force: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Add the three flags, which arrive as one `Removal` named `removal`.

    Args:
        force: What `--force` does here.
    """

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(function)
        def packed(*args: Any, force: bool, yes: bool, what_if: bool, **kwargs: Any) -> Any:
            if not (force or yes or what_if):
                refuse_without_terminal(
                    "--force or --yes to do it, --what-if to see what would end"
                )
            return function(*args, removal=Removal(force, yes, what_if), **kwargs)

        decorated = click.option("--what-if", is_flag=True, help="Only say what would end.")(packed)
        decorated = click.option("-y", "--yes", is_flag=True, help="Do not ask.")(decorated)
        return click.option("--force", is_flag=True, help=force)(decorated)

    return decorate


def refuse_without_terminal(instead: str) -> None:
    """Refuse where nobody can answer.

    Args:
        instead: The options that need no answer.

    Raises:
        UsageError: There is no terminal.
    """
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise click.UsageError(
            f"this removes something and there is no terminal to ask on; give {instead}."
        )
