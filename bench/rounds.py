"""Rounds: each kind in turn, again and again, checked after each claim."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from statistics import median

from bench.generator import MAX_RATE, Answers, Generator, Load
from bench.pair import Pair
from bench.processes import Server
from bench.requests import Kind

# Decisions and activities are written after half a second at the latest.
_WRITTEN_BEHIND_SECONDS = 0.55
# Long beside the ticks in which the kernel counts CPU, ten milliseconds each.
_PAUSE_SECONDS = 0.2
# Somebody may change the policy all the while, so rest is not waited for without an end.
_MOST_PAUSES = 20
# What a process uses that only looks now and then whether there is something to do.
_IDLE = 0.1


class VerificationError(Exception):
    """What was answered and what is stored differ."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How much is measured.

    Attributes:
        points: How many calls are in flight, one point after the other.
        rounds: How often, after one to warm up.
        seconds: How long each round of each kind takes.
    """

    points: Sequence[int]
    rounds: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Round:
    """One round of one kind.

    Attributes:
        rate: Answers per second.
        p50_ms: Median latency.
        p99_ms: 99th percentile of the latency.
        cpu_us: CPU of both services per answer, in microseconds.
        generator_cpu_us: CPU of the load generator per answer.
    """

    rate: float
    p50_ms: float
    p99_ms: float
    cpu_us: float
    generator_cpu_us: float


# By in flight, then kind.
Results = dict[int, dict[Kind, list[Round]]]


class Rounds:
    """Runs them.

    Args:
        generator: Makes the load.
        echo: The servers of the floor.
        pair: The services.
        say: Called with what happens.
    """

    def __init__(
        self,
        generator: Generator,
        *,
        echo: Sequence[Server],
        pair: Pair,
        say: Callable[[str], None],
    ) -> None:
        self._generator = generator
        self._echo = echo
        self._pair = pair
        self._say = say
        self._hosts: set[str] = set()
        self.claims = 0

    def run(self, plan: Plan) -> Results:
        """Run a plan.

        Raises:
            VerificationError: A call failed, or the answers to claims are not what is stored.
        """
        results: Results = {}
        for in_flight in plan.points:
            results[in_flight] = {kind: [] for kind in Kind}
            for number in range(plan.rounds + 1):
                self._say(f"{in_flight} in flight, round {number} of {plan.rounds}")
                # Every other time backwards, so that none is always the one after the other.
                for kind in list(Kind)[:: -1 if number % 2 else 1]:
                    measured = self._run_one(Load(kind, in_flight, plan.seconds))
                    if number > 0:
                        results[in_flight][kind].append(measured)
        return results

    def _run_one(self, load: Load) -> Round:
        is_claim = load.kind in (Kind.ON_BEHALF, Kind.OWN)
        servers = self._echo if load.kind is Kind.ECHO else self._pair.servers
        if is_claim:
            most = round(load.seconds * MAX_RATE) + load.in_flight
            self._pair.keep_free(most, claimed=self.claims)
        measured, answers = measure(self._generator, load, servers)
        if is_claim:
            self._verify(load, answers)
        return measured

    def _verify(self, load: Load, answers: Answers) -> None:
        self.claims += answers.count
        self._hosts.update(answers.told)
        stored = self._pair.count()
        if not self.claims == len(self._hosts) == stored.held == stored.recorded:
            raise VerificationError(
                f"after {load}: {self.claims} claims were answered with {len(self._hosts)} distinct"
                f" hosts, and {stored.held} rows and {stored.recorded} entries of history are"
                " stored"
            )


def measure(generator: Generator, load: Load, servers: Sequence[Server]) -> tuple[Round, Answers]:
    """Run one round until the servers rest; return its figures and what was answered.

    What they write behind their answers is part of the price of these, and shall not burden the
    next round, which may be another server's.

    Raises:
        VerificationError: A call failed.
    """
    before = _cpu_seconds(servers)
    answers = generator.run(load)
    cpu_seconds = _cpu_seconds_at_rest(servers) - before
    if answers.failures or not answers.count:
        states = "; ".join(server.state for server in servers)
        raise VerificationError(f"{load}: calls failed: {dict(answers.failures)}; {states}")
    return Round(
        rate=answers.count / answers.seconds,
        p50_ms=_percentile(answers.latencies_ms, 0.50),
        p99_ms=_percentile(answers.latencies_ms, 0.99),
        cpu_us=cpu_seconds / answers.count * 1e6,
        generator_cpu_us=answers.cpu_seconds / answers.count * 1e6,
    ), answers


def _cpu_seconds_at_rest(servers: Sequence[Server]) -> float:
    time.sleep(_WRITTEN_BEHIND_SECONDS)
    used = _cpu_seconds(servers)
    for _ in range(_MOST_PAUSES):
        time.sleep(_PAUSE_SECONDS)
        before, used = used, _cpu_seconds(servers)
        if used - before <= _IDLE * _PAUSE_SECONDS:
            break
    return used


def _cpu_seconds(servers: Sequence[Server]) -> float:
    return sum(server.cpu_seconds() for server in servers)


@dataclass(frozen=True, slots=True)
class Ratio:
    """A quantity against the floor's in the same round: median, least, most."""

    median: float
    least: float
    most: float

    def __str__(self) -> str:
        return f"{self.median:.2f} ({self.least:.2f}..{self.most:.2f})"


def ratio(rounds: Sequence[Round], floor: Sequence[Round], of: Callable[[Round], float]) -> Ratio:
    """Return the median of the per-round ratios, and their range."""
    ratios = list(_ratios(rounds, floor, of))
    return Ratio(median(ratios), min(ratios), max(ratios))


def _ratios(
    rounds: Sequence[Round], floor: Sequence[Round], of: Callable[[Round], float]
) -> Iterator[float]:
    for one, beside in zip(rounds, floor, strict=True):
        yield of(one) / of(beside)


def _percentile(ordered: Sequence[float], share: float) -> float:
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]
