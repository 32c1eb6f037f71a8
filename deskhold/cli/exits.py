"""Errors as exit codes and as text.

The codes: 0 done, 1 failed, 2 wrong usage, 3 not found, 4 denied or not signed in, 5 unavailable,
130 interrupted.
"""

from __future__ import annotations

from collections.abc import Iterator

from deskhold import errors

FAILED = 1
DENIED = 4
# As shells have it for whom SIGINT ends; who interrupted knows, so nothing is said.
INTERRUPTED = 130
# How many obstacles are printed: they are examples, the message has the counts.
_SHOWN = 3

_CODES: dict[type[errors.DeskholdError], int] = {
    errors.InvalidArgument: 2,
    errors.NotFound: 3,
    errors.PermissionDenied: DENIED,
    errors.Unauthenticated: DENIED,
    errors.Unavailable: 5,
    errors.DeadlineExceeded: 5,
}


def code(error: errors.DeskholdError) -> int:
    """Return the exit code of an error."""
    if error.reason == "IMPORT_REJECTED":
        return FAILED  # the command line was right; the file is not
    return _CODES.get(type(error), FAILED)


def lines(error: errors.DeskholdError) -> Iterator[str]:
    """Yield an error as people see it: what, why, where to look, what to do next."""
    yield f"error: {error.message}"
    yield f"  reason: {error.reason}"
    for violation in error.violations:
        if violation.description not in error.message:
            yield f"  {violation.field}: {violation.description}"
    # Whose hosts are assigned is nothing to look after, and the message has their number.
    obstacles = [one for one in error.obstacles if one.reason != "HOST_HELD"]
    for obstacle in obstacles[:_SHOWN]:
        yield f"  {obstacle.description}"
    if len(obstacles) > _SHOWN:
        yield f"  and {len(obstacles) - _SHOWN} more"
    if error.request_id:
        yield f"  request id: {error.request_id}"
    if error.retry_after_seconds:
        yield f"  try again in {error.retry_after_seconds:g} s"
    if isinstance(error, errors.Unauthenticated):
        yield "  sign in: deskhold login --user you@example.com"
