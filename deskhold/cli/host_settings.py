"""The flags of what administrators decide of a host."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from deskhold.api.broker.v1.hosts_pb2 import NewConnections

_FLAGS = (
    ("--address", "address", {"metavar": "A", "help": "Where clients reach it."}),
    (
        "--port",
        "port",
        {"type": click.IntRange(1, 65535), "help": "The port of its RDP listener."},
    ),
    ("--friendly-name", "friendly_name", {"metavar": "N", "help": "What users see."}),
    (
        "--new-connections",
        "new_connections",
        {
            "type": click.Choice(["yes", "not-until-reboot", "no"]),
            "help": "Whether it takes new sessions.",
        },
    ),
    (
        "--weight",
        "relative_weight",
        {"type": click.IntRange(1, 10_000), "help": "Its share of the load; usually 100."},
    ),
    (
        "--session-limit",
        "session_limit",
        {
            "type": click.IntRange(0, 100_000),
            "help": "How many sessions it takes; 0: what its collection says.",
        },
    ),
)


def setting_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add the flags; what is given arrives as `settings`, by the fields of the message Host."""

    @wraps(function)
    def packed(*args: Any, **kwargs: Any) -> Any:
        given = {field: kwargs.pop(field) for _, field, _ in _FLAGS}
        settings = {field: value for field, value in given.items() if value is not None}
        if "new_connections" in settings:
            settings["new_connections"] = new_connections(settings["new_connections"])
        return function(*args, settings=settings, **kwargs)

    for flag, field, extra in reversed(_FLAGS):
        packed = click.option(flag, field, **extra)(packed)
    return packed


def new_connections(word: str) -> NewConnections.ValueType:
    """Return the number of a word of `--new-connections`."""
    from deskhold.api.broker.v1.hosts_pb2 import NewConnections

    return NewConnections.Value(f"NEW_CONNECTIONS_{word.replace('-', '_').upper()}")
