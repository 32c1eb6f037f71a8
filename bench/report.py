"""The table, and the same as JSON."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from statistics import median
from typing import Any

from bench.requests import Kind
from bench.rounds import Results, Round, ratio

# The least share of the echo's rate, by database, kind and calls in flight.
_LEAST_RATE = {
    "sqlite": {
        (Kind.ON_BEHALF, 32): 0.80,
        (Kind.ON_BEHALF, 256): 0.80,
        (Kind.REPEAT, 32): 0.90,
    },
    "postgresql": {(Kind.ON_BEHALF, 32): 0.70, (Kind.REPEAT, 32): 0.90},
}
# Of the echo's CPU, on SQLite: PostgreSQL's own processes are not counted.
_MOST_CPU = 1.25


@dataclass(frozen=True, slots=True)
class Goal:
    """One goal.

    Attributes:
        what: What is measured.
        demand: In words.
        measured: The median ratio to the echo.
        is_met: Whether that is enough.
    """

    what: str
    demand: str
    measured: float
    is_met: bool


def goals(results: Results, database: str) -> list[Goal]:
    """Return the goals that a run says something about."""
    judged = []
    for (kind, in_flight), least in _LEAST_RATE[database].items():
        if in_flight not in results:
            continue
        rounds, floor = results[in_flight][kind], results[in_flight][Kind.ECHO]
        what = f"{kind.value}: {{}} at {in_flight} in flight"
        rate = ratio(rounds, floor, _rate).median
        judged.append(Goal(what.format("rate"), f">= {least:.2f}", rate, rate >= least))
        if kind is Kind.ON_BEHALF and database == "sqlite":
            cpu = ratio(rounds, floor, _cpu).median
            judged.append(Goal(what.format("CPU"), f"<= {_MOST_CPU:.2f}", cpu, cpu <= _MOST_CPU))
    return judged


def table(conditions: Mapping[str, str], results: Results, claims: int, database: str) -> str:
    """Return what `make bench` prints."""
    return "\n".join(
        (*_conditions(conditions), "", *_rows(results), "", *_verdicts(results, claims, database))
    )


def document(
    conditions: Mapping[str, str], results: Results, claims: int, database: str
) -> dict[str, Any]:
    """Return everything that was measured, for JSON."""
    return {
        "conditions": dict(conditions),
        "database": database,
        "claims": claims,
        "goals": [asdict(goal) for goal in goals(results, database)],
        "rounds": {
            str(in_flight): {
                kind.name.lower(): [asdict(one) for one in rounds] for kind, rounds in kinds.items()
            }
            for in_flight, kinds in results.items()
        },
    }


def _conditions(conditions: Mapping[str, str]) -> Iterator[str]:
    for name, value in conditions.items():
        yield f"{name:<12} {value}"


def _rows(results: Results) -> Iterator[str]:
    form = "{:>9}  {:<21} {:>7} {:>19} {:>8} {:>8} {:>7} {:>19} {:>7}"
    yield form.format("in", "", "per", "of the echo", "p50", "p99", "CPU us", "of the echo", "gen.")
    yield form.format(
        "flight", "", "second", "(least..most)", "ms", "ms", "", "(least..most)", "us"
    )
    for in_flight, kinds in results.items():
        floor = kinds[Kind.ECHO]
        for kind, rounds in kinds.items():
            is_floor = kind is Kind.ECHO
            yield form.format(
                in_flight,
                kind.value,
                f"{_median(rounds, _rate):.0f}",
                "" if is_floor else str(ratio(rounds, floor, _rate)),
                f"{median(one.p50_ms for one in rounds):.2f}",
                f"{median(one.p99_ms for one in rounds):.2f}",
                f"{_median(rounds, _cpu):.0f}",
                "" if is_floor else str(ratio(rounds, floor, _cpu)),
                f"{median(one.generator_cpu_us for one in rounds):.0f}",
            )
    yield ""
    yield "Medians of the rounds, and of their ratios. CPU us is what both processes used per"
    yield "request: all threads, user and kernel. Not counted is the load generator (gen.), which"
    yield "shares the cores and is the same for all."


def _verdicts(results: Results, claims: int, database: str) -> Iterator[str]:
    yield f"{claims} claims answered = distinct hosts = rows held = entries of history"
    for goal in goals(results, database):
        mark = "pass" if goal.is_met else "FAIL"
        yield f"{mark}  {goal.what} {goal.measured:.2f} of the echo's (goal {goal.demand})"


def _median(rounds: list[Round], of: Any) -> float:
    return float(median(of(one) for one in rounds))


def _rate(one: Round) -> float:
    return one.rate


def _cpu(one: Round) -> float:
    return one.cpu_us
