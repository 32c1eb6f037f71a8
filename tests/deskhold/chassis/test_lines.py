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

    def write(self, content: bytes) -> int:  # type: ignore[override]
        self.writes.append(content)
        return len(content)


async def test_the_lines_of_a_turn_of_the_loop_are_one_write() -> None:
    file = Written()
    lines = Lines(file)

    lines.info(b"one")
    lines.warning(b"two")
    assert file.writes == []
    await asyncio.sleep(0)
    lines.info(b"three")
    await asyncio.sleep(0)

    assert file.writes == [b"one\ntwo\n", b"three\n"]


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
