"""Waiting for facts that other programs establish, with a bound and with their logs."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")

# Far more than a slow machine needs: it only bounds how long a failure takes.
_LIMIT_SECONDS = 60
_BETWEEN_LOOKS_SECONDS = 0.05
_LAST_LINES = 40


def wait_for(fact: str, look: Callable[[], T | None], *, logs: Mapping[str, Path]) -> T:
    """Return the first answer of `look` that is true.

    The programs observed here announce nothing, so their logs and files are read again and again.

    Args:
        fact: The fact in words, for the failure.
        look: Return something true once the fact is established.
        logs: The logs that a failure shows, by title.

    Raises:
        AssertionError: The fact was not established within a minute.
    """
    end = time.monotonic() + _LIMIT_SECONDS
    while not (seen := look()):
        if time.monotonic() > end:
            raise AssertionError(f"not within {_LIMIT_SECONDS} s: {fact}\n{excerpts(logs)}")
        time.sleep(_BETWEEN_LOOKS_SECONDS)
    return seen


def excerpts(logs: Mapping[str, Path]) -> str:
    """Return the last lines of each log under its title."""
    return "\n".join(f"--- {title} ({path})\n{_last_lines(path)}" for title, path in logs.items())


def text_of(log: Path) -> str:
    """Return what a log holds; nothing when it does not exist yet."""
    return log.read_text("utf-8", "replace") if log.exists() else ""


def _last_lines(log: Path) -> str:
    return "\n".join(text_of(log).splitlines()[-_LAST_LINES:]) or "(empty)"
