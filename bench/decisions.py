"""`python -m bench.decisions`: what a decision costs at a thousand and a million role assignments.

In one process, without a wire: the policy store is filled with rows, loaded as the service loads
it, and asked. Half of the questions find a role. pycasbin and cedarpy answer the same questions on
the same thousand assignments in the same run, in turn with ours, and must give the same answers.
"""

from __future__ import annotations

import gc
import itertools
import statistics
import sys
import tempfile
import time
import tracemalloc
from collections.abc import Callable, Sequence
from pathlib import Path

from sqlalchemy import create_engine

from bench import policies
from bench.engines import Answer, cedar, pycasbin
from bench.machine import conditions
from deskhold.chassis.db import migrate
from rbac_service.access.rules import Question, decide
from rbac_service.access.snapshot import Snapshot
from rbac_service.access.store import load_snapshot
from rbac_service.log.rules import Change, ChangeKind
from rbac_service.roles.builtin import BUILT_IN_ROLES

MIGRATIONS = Path(__file__).parent.parent / "rbac_service" / "migrations"
_SMALL, _LARGE = 1_000, 1_000_000
# The core is asked so often per sample, because reading the clock costs a tenth of an answer.
_PER_SAMPLE = 100
_SAMPLES = 300
_TURNS = 100


def main() -> int:
    """Measure and print."""
    with tempfile.TemporaryDirectory(prefix="deskhold-bench-") as path:
        for key, value in conditions(Path(path)).items():
            sys.stdout.write(f"{key:12} {value}\n")
        sys.stdout.write("\n")
        # The libraries come before the million, which would burden their garbage collections.
        _measure_others(_SMALL, _measure(_SMALL, Path(path)))
        _measure(_LARGE, Path(path))
    return 0


def _measure(size: int, path: Path) -> Snapshot:
    url = f"sqlite:///{path / f'{size}.db'}"
    migrate(url, MIGRATIONS)
    engine = create_engine(url)
    policies.fill(engine, size)
    gc.collect()
    with engine.connect() as connection:
        began = time.perf_counter()
        snapshot = load_snapshot(connection)
        load_seconds = time.perf_counter() - began
    asked = policies.questions(size)
    hits = sum(decide(snapshot, one, 0).allowed for one in asked) / len(asked)
    samples = _ask(lambda question: decide(snapshot, question, 0), asked)
    write_us = _write(snapshot)
    engine.dispose()
    _say(f"{size:>9} assignments", f"p50 {samples:.2f} us a decision, {1e6 / samples:,.0f}/s")
    _say("", f"{hits:.0%} of the questions find a role")
    _say("", f"loaded from the database in {load_seconds:.2f} s")
    _say("", f"a write takes {write_us:.0f} us to appear in the next snapshot")
    _say("", f"{_bytes_each(url, size):.0f} bytes an assignment")
    return snapshot


def _bytes_each(url: str, size: int) -> float:
    engine = create_engine(url)
    with engine.connect() as connection:
        tracemalloc.start()
        snapshot = load_snapshot(connection)
        held, _ = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    engine.dispose()
    del snapshot
    return held / size


def _ask(answer: Callable[[Question], object], questions: Sequence[Question]) -> float:
    """Return the median time of an answer, in microseconds."""
    samples = []
    turn = itertools.cycle(questions)
    for _ in range(_SAMPLES):
        batch = [next(turn) for _ in range(_PER_SAMPLE)]
        began = time.perf_counter()
        for question in batch:
            answer(question)
        samples.append((time.perf_counter() - began) / _PER_SAMPLE * 1e6)
    return statistics.median(samples)


def _write(snapshot: Snapshot) -> float:
    samples = []
    for number in range(200):
        row = policies.row(f"user:writer-{number}@x", "/tenantGroups/g0", BUILT_IN_ROLES[2].id)
        change = Change(ChangeKind.ADD_ROLE_ASSIGNMENT, row)
        began = time.perf_counter()
        snapshot = snapshot.after(snapshot.revision + 1, [change])
        samples.append((time.perf_counter() - began) * 1e6)
    return statistics.median(samples)


def _measure_others(size: int, snapshot: Snapshot) -> None:
    grants = list(policies.grants(size))
    questions = policies.questions(size)[:_TURNS]

    def ours(question: Question) -> bool:
        return decide(snapshot, question, 0).allowed

    engines: dict[str, Answer] = {
        "ours": ours,
        "pycasbin": pycasbin(grants),
        "cedarpy": cedar(grants),
    }
    samples: dict[str, list[float]] = {name: [] for name in engines}
    allowed: list[bool] = []
    for question in questions:
        answers = set()
        for name, answer in engines.items():
            # The first answer warms up what is remembered; ours alone is too short for the clock.
            answers.add(answer(question))
            times = _PER_SAMPLE if name == "ours" else 1
            began = time.perf_counter()
            for _ in range(times):
                answer(question)
            samples[name].append((time.perf_counter() - began) / times * 1e6)
        if len(answers) > 1:
            raise SystemExit(f"the engines disagree about {question}")
        allowed.extend(answers)
    for name, times_us in samples.items():
        beside = "" if name == "ours" else _times(times_us, samples["ours"], allowed)
        _say(f"{name}, {size}", f"p50 {statistics.median(times_us):,.2f} us a decision{beside}")


def _times(theirs: Sequence[float], ours: Sequence[float], allowed: Sequence[bool]) -> str:
    """Return how many times ours they take, for all questions together and for each answer.

    A library that is asked place by place is done early where a role is found, so one median of all
    questions says little.
    """
    slower = {
        found: statistics.median(
            their / own
            for their, own, was in zip(theirs, ours, allowed, strict=True)
            if was is found
        )
        for found in (True, False)
    }
    return (
        f", {sum(theirs) / sum(ours):,.0f} times ours for all questions together"
        f" (p50 {slower[True]:,.0f} where a role is found, {slower[False]:,.0f} where none is)"
    )


def _say(what: str, measured: str) -> None:
    sys.stdout.write(f"{what:24} {measured}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
