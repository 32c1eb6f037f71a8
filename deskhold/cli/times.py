"""Times and durations as people write them."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import click

_DURATION = re.compile(
    r"(?=\d)(?:(?P<weeks>\d+)w)?(?:(?P<days>\d+)d)?(?:(?P<hours>\d+)h)?(?:(?P<minutes>\d+)m)?"
    r"(?:(?P<seconds>\d+)s)?"
)


def time(text: str) -> datetime:
    """Return a time, in its time zone: `2026-03-01`, `2026-03-01T08:00`, UTC without an offset.

    Raises:
        BadParameter: It is none.
    """
    try:
        read = datetime.fromisoformat(text)
    except ValueError:
        raise click.BadParameter(
            f"{text!r} is no time; give one as 2026-03-01T08:00+01:00, in UTC without an offset"
        ) from None
    return read if read.tzinfo else read.replace(tzinfo=UTC)


def duration(text: str) -> timedelta:
    """Return a duration, which is more than nothing: `30m`, `8h`, `7d`, `2w`, `1d12h`.

    Raises:
        BadParameter: It is none.
    """
    match = _DURATION.fullmatch(text)
    units = match.groupdict("0") if match else {}
    try:
        read = timedelta(**{unit: int(count) for unit, count in units.items()})
    except OverflowError:
        read = timedelta()
    if not read:
        raise click.BadParameter(f"{text!r} is no duration; give one as 30m, 8h, 7d, 2w or 1d12h")
    return read
