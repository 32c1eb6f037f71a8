"""`python -m bench.checks [--quick] [--json FILE]`: what questions to rbac cost on the wire.

All callers show the broker's certificate and reach rbac directly, and so does the floor: one hop to
an echo over mutual TLS. Two rbac processes run side by side, with a thousand and a million role
assignments. `--quick` leaves out the million.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

from bench import echo
from bench.authority import Authority
from bench.check_requests import BATCH_SIZE, Kind, sources
from bench.generator import Generator, Load
from bench.machine import conditions
from bench.pair import new_home
from bench.processes import Server
from bench.report import Goal
from bench.rounds import Round, VerificationError, measure, ratio

_SMALL, _LARGE = 1_000, 1_000_000
_IN_FLIGHT = 32
# Many short ones: whoever else uses the machine spoils a few, not the median.
_ROUNDS, _SECONDS = 15, 1.0
# Rounds differ by a tenth; two sizes that differ by a twentieth take more of them.
_ROUNDS_BY_SIZE = 40
_QUICK_ROUNDS, _QUICK_SECONDS = 5, 0.7
# About half of the questions find a role; far from that something else was measured.
_FEWEST_ALLOWED, _MOST_ALLOWED = 0.35, 0.65


@dataclass
class Measured:
    """What was measured.

    Attributes:
        kinds: The rounds of each kind, interleaved.
        small, large: Rounds of checks at a thousand and a million assignments, in turn.
        quiet: Rounds of checks at a million assignments.
        changing: The round after each of those, in which the policy changed all the time.
        changes: How many changes were made in those.
    """

    kinds: dict[Kind, list[Round]]
    small: list[Round] = field(default_factory=list)
    large: list[Round] = field(default_factory=list)
    quiet: list[Round] = field(default_factory=list)
    changing: list[Round] = field(default_factory=list)
    changes: int = 0


class Bench:
    """The processes, and rounds of questions to them."""

    def __init__(self, stack: ExitStack, path: Path, *, quick: bool) -> None:
        home = new_home(path)
        echo_address, echo_server = echo.start_back(stack, home)
        _say(f"filling {_SMALL}")
        small = Authority(stack, home, size=_SMALL)
        self._large: Authority | None = None
        if not quick:
            _say(f"filling {_LARGE}")
            self._large = Authority(stack, home, size=_LARGE)
        sent = sources(echo_address=echo_address, small=small, large=self._large)
        self._servers: dict[Kind, Server] = dict.fromkeys(sent, small.server)
        self._servers[Kind.ECHO] = echo_server
        if self._large is not None:
            self._servers[Kind.CHECK_LARGE] = self._large.server
        self._generator = stack.enter_context(Generator(home, sent))
        self._seconds = _QUICK_SECONDS if quick else _SECONDS
        self._rounds = _QUICK_ROUNDS if quick else _ROUNDS

    def run(self) -> Measured:
        """Run all rounds.

        Raises:
            VerificationError: A call failed, or the answers cannot be right.
        """
        kinds = [kind for kind in Kind if kind is not Kind.CHECK_LARGE]
        measured = Measured({kind: [] for kind in kinds})
        for number in range(self._rounds + 1):
            _say(f"round {number} of {self._rounds}")
            # Every other time backwards, so that none is always the one after the other.
            for kind in kinds[:: -1 if number % 2 else 1]:
                one = self._ask(kind)
                if number > 0:  # the first warms up
                    measured.kinds[kind].append(one)
        if self._large is not None:
            for number in range(_ROUNDS_BY_SIZE):
                _say(f"two sizes in turn, round {number + 1} of {_ROUNDS_BY_SIZE}")
                self._compare(measured, large_first=bool(number % 2))
            for number in range(self._rounds):
                _say(f"while the policy changes, round {number + 1} of {self._rounds}")
                self._disturb(measured)
        return measured

    def _compare(self, measured: Measured, *, large_first: bool) -> None:
        sizes = [(Kind.CHECK, measured.small), (Kind.CHECK_LARGE, measured.large)]
        for kind, rounds in sizes[:: -1 if large_first else 1]:
            rounds.append(self._ask(kind))

    def _disturb(self, measured: Measured) -> None:
        assert self._large is not None
        measured.quiet.append(self._ask(Kind.CHECK_LARGE))
        with self._large.changing() as made:
            measured.changing.append(self._ask(Kind.CHECK_LARGE))
        measured.changes += len(made)
        if not made:
            raise VerificationError("no change was made while the policy was to change")

    def _ask(self, kind: Kind) -> Round:
        load = Load(kind, _IN_FLIGHT, self._seconds)
        one, answers = measure(self._generator, load, [self._servers[kind]])
        told = Counter(answers.told)
        share = told["DECISION_ALLOW"] / max(1, told.total())
        if told and not _FEWEST_ALLOWED < share < _MOST_ALLOWED:
            raise VerificationError(f"{kind.value}: {told}; about half should be allowed")
        return one


def goals(measured: Measured) -> Iterator[Goal]:
    """Yield the goals that a run says something about."""
    kinds = measured.kinds
    floor = kinds[Kind.ECHO]
    # The study's goal is about the bare check: no read of the store, but caller, gate and log.
    bare = ratio(kinds[Kind.READ_FROM_MEMORY], floor, _rate).median
    yield Goal("rate of reads from memory, of the echo's", ">= 0.88", bare, bare >= 0.88)
    batch = BATCH_SIZE * ratio(kinds[Kind.BATCH], floor, _rate).median
    yield Goal("checks a second in batches, of the echo's rate", ">= 10", batch, batch >= 10)
    if not measured.large:
        return
    large = ratio(measured.large, measured.small, _rate).median
    yield Goal("rate at 1,000,000, of that at 1,000", ">= 0.95", large, large >= 0.95)
    large_cpu = ratio(measured.large, measured.small, _cpu).median
    yield Goal("CPU at 1,000,000, of that at 1,000", "<= 1.05", large_cpu, large_cpu <= 1.05)
    p99 = ratio(measured.changing, measured.quiet, _p99).median
    yield Goal("p99 while the policy changes, of before", "<= 1.50", p99, p99 <= 1.5)


def table(measured: Measured) -> Iterator[str]:
    """Yield the lines of the table."""
    form = "{:<24} {:>8} {:>19} {:>8} {:>8} {:>7} {:>19} {:>6}"
    yield form.format("", "calls", "of the echo", "p50", "p99", "CPU us", "of the echo", "gen.")
    yield form.format(
        "32 in flight", "per s", "(least..most)", "ms", "ms", "", "(least..most)", "us"
    )
    floor = measured.kinds[Kind.ECHO]
    rows: dict[str, list[Round]] = {kind.value: own for kind, own in measured.kinds.items()}
    if measured.large:
        rows |= {"check at 1,000": measured.small, "check at 1,000,000": measured.large}
        rows |= {"1,000,000, quiet": measured.quiet, "1,000,000, changing": measured.changing}
    beside = {kind.value for kind in measured.kinds if kind is not Kind.ECHO}
    for name, rounds in rows.items():
        compared = name in beside
        yield form.format(
            name,
            f"{_median(rounds, _rate):.0f}",
            str(ratio(rounds, floor, _rate)) if compared else "",
            f"{median(one.p50_ms for one in rounds):.2f}",
            f"{_median(rounds, _p99):.2f}",
            f"{_median(rounds, _cpu):.0f}",
            str(ratio(rounds, floor, _cpu)) if compared else "",
            f"{median(one.generator_cpu_us for one in rounds):.0f}",
        )
    yield ""
    yield "The study's goal is about the bare check with authentication and log: a read from"
    yield "memory; of these the denials are recorded, half of them, and a sample. A check is what a"
    yield "change needs: fully consistent, so the log's head is read, and every decision recorded."
    if measured.changes:
        count = len(measured.changing)
        yield f"{measured.changes} changes of the policy in the {count} rounds while it changed"
    for goal in goals(measured):
        mark = "pass" if goal.is_met else "FAIL"
        yield f"{mark}  {goal.what} {goal.measured:.2f} (goal {goal.demand})"


def main() -> int:
    """Measure; the exit code is 1 only when answers are wrong."""
    parser = argparse.ArgumentParser(prog="python -m bench.checks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="only at 1,000, shorter, less exact")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all rounds to a file")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="deskhold-bench-") as path, ExitStack() as stack:
        circumstances = conditions(Path(path))
        try:
            measured = Bench(stack, Path(path), quick=arguments.quick).run()
        except VerificationError as error:
            sys.stderr.write(f"bench: verification failed: {error}\n")
            return 1
    lines = [f"{name:<12} {value}" for name, value in circumstances.items()]
    sys.stdout.write("\n".join((*lines, "", *table(measured))) + "\n")
    if arguments.json:
        document = {"conditions": circumstances, "rounds": _document(measured)}
        arguments.json.write_text(json.dumps(document, indent=2) + "\n", "utf-8")
    return 0


def _document(measured: Measured) -> dict[str, Any]:
    named: dict[str, Sequence[Round]] = {
        kind.name.lower(): rounds for kind, rounds in measured.kinds.items()
    }
    named |= {"small": measured.small, "large": measured.large}
    named |= {"quiet": measured.quiet, "changing": measured.changing}
    return {name: [asdict(one) for one in rounds] for name, rounds in named.items()}


def _median(rounds: Sequence[Round], of: Callable[[Round], float]) -> float:
    return median(map(of, rounds))


def _rate(one: Round) -> float:
    return one.rate


def _cpu(one: Round) -> float:
    return one.cpu_us


def _p99(one: Round) -> float:
    return one.p99_ms


def _say(line: str) -> None:
    if sys.stderr.isatty():
        sys.stderr.write(f"\r\x1b[K{line}")
        sys.stderr.flush()


if __name__ == "__main__":
    sys.exit(main())
