"""How assignments are shown, and the flag that all commands changing one have."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from deskhold.cli.output import Column, View, last_segment, moment

VIEW = View(
    (
        Column("host", "HOST", last_segment),
        Column("user", "USER"),
        Column("assign_time", "SINCE", moment),
        Column("assigned_by", "BY"),
    )
)


def held(one: dict[str, str]) -> str:
    """Return an assignment as a few words."""
    return f"{one['user']} on {last_segment(one['host'])}"


def etag_option(
    flag: str = "--etag", *, host: str = "the host"
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Add `--etag`, which arrives as such; empty when it is not given."""
    return click.option(
        flag, metavar="E", default="", help=f"Only if {host} is still as this etag says."
    )
