"""A small disk that can be filled, where files of SQLite lie."""

from __future__ import annotations

import resource
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final, Protocol

_DISK_BYTES: Final = 256 << 20
_UNLIMITED: Final = resource.RLIM_INFINITY
_BLOCK: Final = bytes(1 << 16)


class Disk(Protocol):
    """How the disk of the databases is filled; `means` names it in the table."""

    means: str

    def fill(self) -> None:
        """Let every further write fail."""

    def free(self) -> None:
        """Let writes succeed again."""


class SmallTmpfs:
    """A tmpfs of its own, filled with a file: writes fail with ENOSPC."""

    means = "tmpfs"

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def fill(self) -> None:
        # Unbuffered: closing writes nothing more.
        with (self.folder / "ballast").open("wb", buffering=0) as file, suppress(OSError):
            while True:
                file.write(_BLOCK)

    def free(self) -> None:
        (self.folder / "ballast").unlink()


class FileSizeLimit:
    """A limit of 1 byte for the size of files that processes write: writes fail with EFBIG.

    Args:
        process_ids: Returns the processes it is for.
    """

    means = "RLIMIT_FSIZE"

    def __init__(self, process_ids: Callable[[], list[int]]) -> None:
        self._process_ids = process_ids

    def fill(self) -> None:
        self._limit(1)

    def free(self) -> None:
        self._limit(_UNLIMITED)

    def _limit(self, size: int) -> None:
        for process_id in self._process_ids():
            _, hard = resource.prlimit(process_id, resource.RLIMIT_FSIZE)
            resource.prlimit(process_id, resource.RLIMIT_FSIZE, (size, hard))


@contextmanager
def small_tmpfs(folder: Path) -> Iterator[SmallTmpfs]:
    """Mount a tmpfs; only root can."""
    folder.mkdir()
    size = f"size={_DISK_BYTES}"
    subprocess.run(["mount", "-t", "tmpfs", "-o", size, "deskhold-test", folder], check=True)
    try:
        yield SmallTmpfs(folder)
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)
