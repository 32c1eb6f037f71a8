"""The disk with the SQLite files of both services is full, and has space again."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from deskhold.embedded.paths import SERVICES
from tests.faults.conftest import Keep, running
from tests.faults.disks import Disk, FileSizeLimit, small_tmpfs
from tests.faults.trial import Trial
from tests.journeys.pair import Pair

_FAULT_SECONDS = 5


def _on(folder: Path, new_pair: Callable[..., Pair]) -> Pair:
    files = {name: f"sqlite:///{folder / name}.db" for name in SERVICES}
    settings = {f"DESKHOLD_{name.upper()}_DATABASE_URL": url for name, url in files.items()}
    return new_pair("SQLite", **settings)


@pytest.fixture
def full(tmp_path: Path, new_pair: Callable[..., Pair]) -> Iterator[tuple[Pair, Disk]]:
    """Both services, and the disk where their databases are: a tmpfs, without root a limit."""
    if os.geteuid() == 0:
        with small_tmpfs(tmp_path / "disk") as disk, running(_on(disk.folder, new_pair)) as pair:
            yield pair, disk
        return
    with running(_on(tmp_path, new_pair)) as pair:
        yield (
            pair,
            FileSizeLimit(lambda: [int(pair.home.process_id(name)) for name in SERVICES]),
        )


async def test_the_disk_is_full_and_has_space_again(
    full: tuple[Pair, Disk], record_property: Keep
) -> None:
    pair, disk = full
    async with Trial(pair, "SQLite", record_property).of(f"disk full ({disk.means})"):
        await asyncio.to_thread(disk.fill)
        await asyncio.sleep(_FAULT_SECONDS)
        disk.free()
