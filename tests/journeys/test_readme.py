"""The README shows what happens: its tour is run, and compared with what it promises."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
# What differs from run to run, and what stands for it here.
_VARIABLE = (
    (re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"), "TIME"),
    (re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"), "ID"),
    (re.compile(r"\bd-[0-9a-f]{32}\b"), "DECISION"),
    (re.compile(r"\bDESK-100[123]\b"), "A-FREE-HOST"),
)


def console_lines() -> list[str]:
    """Return what the README's console blocks hold, normalised."""
    blocks = re.findall(
        r"^```console\n(.*?)^```$", (REPOSITORY / "README.md").read_text(), re.M | re.S
    )
    return normalised("".join(blocks))


def normalised(text: str) -> list[str]:
    for pattern, stands_for_it in _VARIABLE:
        text = pattern.sub(stands_for_it, text)
    return [line.rstrip() for line in text.splitlines() if line.strip()]


def commands(lines: list[str]) -> list[str]:
    return [line for line in lines if line.startswith("$ ")]


@pytest.fixture(scope="module")
def tour() -> subprocess.CompletedProcess[str]:
    """Run the tour, once."""
    return subprocess.run(
        ["bash", "examples/tour.sh"], cwd=REPOSITORY, capture_output=True, text=True, check=False
    )


def test_the_tour_succeeds(tour: subprocess.CompletedProcess[str]) -> None:
    assert tour.returncode == 0, tour.stdout + tour.stderr


def test_the_tour_types_exactly_the_commands_of_the_readme_in_order(
    tour: subprocess.CompletedProcess[str],
) -> None:
    assert commands(normalised(tour.stdout)) == commands(console_lines())


def test_the_readme_shows_what_the_commands_really_answer(
    tour: subprocess.CompletedProcess[str],
) -> None:
    answered = normalised(tour.stdout)

    assert answered[-1] == "tour: everything was as the README says"
    assert answered[:-1] == console_lines()


def test_the_readme_stays_short() -> None:
    assert len((REPOSITORY / "README.md").read_text().splitlines()) < 250


def test_every_file_the_readme_links_to_is_there() -> None:
    linked = re.findall(r"\]\(([^)]+)\)", (REPOSITORY / "README.md").read_text())

    assert linked
    assert [path for path in linked if not (REPOSITORY / path).exists()] == []
