"""Files that are there whole or not at all, and locks that end with the processes holding them."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

_OWNER_ONLY_DIRECTORY = 0o700
_OWNER_ONLY = 0o600
_LARGE_LOG_BYTES = 64 * 1024 * 1024
_TAIL_BYTES = 16 * 1024


def make_directory(path: Path) -> None:
    """Make a directory for its owner only; one that exists keeps its mode."""
    path.mkdir(mode=_OWNER_ONLY_DIRECTORY, parents=True, exist_ok=True)


def make_once(path: Path, content: Callable[[], bytes]) -> None:
    """Write a file that is not there yet; one that is stays as it is, whatever it holds."""
    if not path.exists():
        replace(path, content())


def replace(path: Path, content: bytes) -> None:
    """Write a file, mode 0600, so that a reader and a crash see the old content or the new.

    Two writers of one file must exclude each other: the temporary name is fixed, so that what a
    killed writer left behind is replaced by the next one instead of staying forever.
    """
    draft = path.with_name(path.name + ".new")
    # An existing draft would keep its own mode, whoever made it.
    draft.unlink(missing_ok=True)
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _OWNER_ONLY)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
    _sync_directory(path.parent)


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the lock of a file, waiting for whoever has it."""
    descriptor = _open_lock(path)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def try_lock(path: Path) -> int | None:
    """Return a descriptor that holds the lock of a file, or None when somebody else does.

    The lock belongs to the open file, not to the process: a child that inherits the descriptor
    keeps the lock for as long as it lives, also when its parent is gone (flock(2)).
    """
    descriptor = _open_lock(path)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    return descriptor


def _open_lock(path: Path) -> int:
    return os.open(path, os.O_RDWR | os.O_CREAT, _OWNER_ONLY)


def _sync_directory(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def open_log(path: Path) -> int:
    """Return a descriptor that appends to a log; one that has grown large is put aside first."""
    make_directory(path.parent)
    if path.exists() and path.stat().st_size > _LARGE_LOG_BYTES:
        path.replace(path.with_suffix(".log.1"))
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, _OWNER_ONLY)


def last_lines(path: Path, count: int) -> list[str]:
    """Return the last lines of a log, oldest first."""
    with path.open("rb") as log:
        log.seek(max(0, path.stat().st_size - _TAIL_BYTES))
        return log.read().decode(errors="replace").splitlines()[-count:]
