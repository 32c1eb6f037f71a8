"""Files that are there whole or not at all."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

PRIVATE = 0o600


def write_atomically(path: Path, content: bytes, *, mode: int | None = None) -> None:
    """Replace a file; a reader sees the old content or the new, never a part.

    Args:
        path: The file. What is no regular file (a pipe, /dev/stdout) is written to as it is.
        content: All of it.
        mode: Its permissions; those of the file it replaces, or the umask's, when not given.

    Raises:
        OSError: It cannot be written; what was there before stays.
    """
    if path.exists() and not path.is_file():
        path.write_bytes(content)
        return
    target = path.resolve()  # a symbolic link stays one
    descriptor, scratch = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    try:
        with os.fdopen(descriptor, "wb") as file:
            os.fchmod(descriptor, _mode_of(target) if mode is None else mode)
            file.write(content)
            file.flush()
            os.fsync(descriptor)
        Path(scratch).replace(target)
    except BaseException:
        Path(scratch).unlink(missing_ok=True)
        raise


def _mode_of(path: Path) -> int:
    if path.exists():
        return path.stat().st_mode & 0o777
    umask = os.umask(0)  # there is no other way to read it
    os.umask(umask)
    return 0o666 & ~umask
