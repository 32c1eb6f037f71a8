"""`python -m bench [--quick] [--postgresql] [--signed] [--json FILE]`: measure and report."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

from bench import echo, report
from bench.generator import Generator
from bench.machine import conditions
from bench.pair import Pair, new_home
from bench.postgresql import databases
from bench.requests import sources
from bench.rounds import Plan, Results, Rounds, VerificationError

# As many as performance.md 6 had: what is slow with many hosts must show, in a short run too.
_HOSTS = 100_000
_FULL = Plan(points=(1, 32, 256), rounds=5, seconds=1.5)
_QUICK = Plan(points=(32, 256), rounds=3, seconds=0.7)


def main() -> int:
    """Measure; the exit code is 1 only when answers and database differ."""
    arguments = _parse_arguments()
    plan = _QUICK if arguments.quick else _FULL
    with tempfile.TemporaryDirectory(prefix="deskhold-bench-", dir=arguments.directory) as path:
        circumstances = conditions(Path(path))
        try:
            results, claims = _measure(plan, Path(path), arguments.database, signs=arguments.signed)
        except VerificationError as error:
            sys.stderr.write(f"bench: verification failed: {error}\n")
            return 1
    sys.stdout.write(report.table(circumstances, results, claims, arguments.database) + "\n")
    if arguments.json:
        document = report.document(circumstances, results, claims, arguments.database)
        arguments.json.write_text(json.dumps(document, indent=2) + "\n", "utf-8")
    return 0


def _measure(plan: Plan, path: Path, database: str, *, signs: bool) -> tuple[Results, int]:
    with ExitStack() as stack:
        home = new_home(path, signs=signs)
        echo_address, echo_servers = echo.start(stack, home)
        _say("starting the pair")
        pair = Pair(stack, home, databases(stack, path) if database == "postgresql" else None)
        _say(f"adding {_HOSTS} hosts")
        pair.keep_free(_HOSTS, claimed=0)
        sent = sources(echo_address=echo_address, broker_address=pair.address)
        generator = stack.enter_context(Generator(home, sent))
        rounds = Rounds(generator, echo=echo_servers, pair=pair, say=_say)
        results = rounds.run(plan)
        return results, rounds.claims


def _say(line: str) -> None:
    if sys.stderr.isatty():
        sys.stderr.write(f"\r\x1b[K{line}")
        sys.stderr.flush()


def _parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer and shorter rounds, less exact")
    parser.add_argument(
        "--postgresql",
        dest="database",
        action="store_const",
        const="postgresql",
        default="sqlite",
        help="both services on a PostgreSQL of its own instead of SQLite",
    )
    parser.add_argument("--signed", action="store_true", help="the broker signs .rdp files")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all rounds to a file")
    parser.add_argument(
        "--directory",
        type=Path,
        metavar="DIR",
        help="where the databases go while it runs; a memory disk would flatter",
    )
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
