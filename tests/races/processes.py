"""Processes that do something at the same moment.

    python -m tests.races.processes COUNT MODULE URL ARGUMENT...

imports MODULE once, forks, and prints as JSON what `MODULE.race(URL, NUMBER, START, ARGUMENT...)`
returned in each process; START waits until all processes are there.
"""

from __future__ import annotations

import asyncio
import importlib
import json
import multiprocessing
import subprocess
import sys
from functools import partial
from multiprocessing.connection import Connection
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
COUNT = 8
_MEETING_SECONDS = 60  # whoever waits longer waits for a process that is gone


def run_processes(module: str, url: str, *arguments: str, count: int = COUNT) -> list[Any]:
    """Let processes loose at the same moment; return what each of them tells."""
    command = [sys.executable, "-m", __name__, str(count), module, url, *arguments]
    done = subprocess.run(command, stdout=subprocess.PIPE, cwd=ROOT, check=True)
    told: list[Any] = json.loads(done.stdout)
    return told


def main() -> None:
    count, module = int(sys.argv[1]), importlib.import_module(sys.argv[2])
    # Nothing has a thread or a connection yet, so forking is safe, and saves as many imports.
    forks = multiprocessing.get_context("fork")
    start = forks.Barrier(count)
    pipes = []
    for number in range(count):
        here, there = forks.Pipe(duplex=False)
        forks.Process(target=_race, args=(module, number, start, there)).start()
        there.close()
        pipes.append(here)
    sys.stdout.write(json.dumps([pipe.recv() for pipe in pipes]) + "\n")


def _race(module: Any, number: int, start: Barrier, pipe: Connection[Any, Any]) -> None:
    meet = partial(start.wait, _MEETING_SECONDS)
    pipe.send(asyncio.run(module.race(sys.argv[3], number, meet, *sys.argv[4:])))


if __name__ == "__main__":
    main()
