from __future__ import annotations

import asyncio
import subprocess
import sys
from io import BytesIO

import pytest

from deskhold.chassis.lines import Lines


class Written(BytesIO):
    """Remembers each write."""

    def __init__(self) -> None:
        super().__init__()
        self.writes: list[bytes] = []
        self.written = asyncio.Event()

    def write(self, content: bytes) -> int:  # type: ignore[override]
        self.writes.append(content)
        self.written.set()
        return len(content)


async def test_lines_that_only_tell_wait_for_others_and_not_for_long() -> None:
    file = Written()
    lines = Lines(file)

    for line in (b"one", b"two", b"three"):
        lines.info(line)
        await asyncio.sleep(0)
    assert file.writes == []
    await asyncio.wait_for(file.written.wait(), 10)

    assert file.writes == [b"one\ntwo\nthree\n"]


async def test_a_warning_takes_what_waits_along_at_the_end_of_the_turn() -> None:
    file = Written()
    lines = Lines(file)

    lines.info(b"one")
    lines.warning(b"two")
    lines.error(b"three")
    assert file.writes == []
    await asyncio.sleep(0)
    lines.info(b"four")
    lines.flush()

    assert file.writes == [b"one\ntwo\nthree\n", b"four\n"]


def test_without_a_loop_a_line_is_written_at_once() -> None:
    file = Written()

    Lines(file).error(b"one")

    assert file.writes == [b"one\n"]


@pytest.mark.parametrize("end", ["pass", "raise SystemExit(1)", "1 / 0"])
def test_no_line_is_lost_when_the_process_ends(end: str) -> None:
    program = f"""
import asyncio, sys
from deskhold.chassis.lines import Lines
async def main():
    lines = Lines(sys.stdout.buffer)
    lines.info(b"one")
    lines.info(b"two")
    {end}
asyncio.run(main())
"""

    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, check=False)

    assert ended.stdout == b"one\ntwo\n"
