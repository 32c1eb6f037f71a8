from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.faults import table
from tests.faults.databases import Postgresql, postgresql_folder
from tests.faults.trial import Trial
from tests.journeys.pair import Pair

_numbers = itertools.count(1)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark whatever is in this folder: it takes minutes."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker("faults")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print what the faults did."""
    rows = [
        table.Row.of(value)
        for outcome in ("passed", "failed")
        for report in terminalreporter.stats.get(outcome, ())
        if report.when == "call"
        for name, value in report.user_properties
        if name == table.PROPERTY
    ]
    if rows:
        terminalreporter.section("faults")
        for line in table.lines(rows):
            terminalreporter.write_line(line)


@pytest.fixture(scope="session")
def servers() -> Iterator[Callable[..., Postgresql]]:
    """Makes PostgreSQL servers that tests may kill; not created yet, gone in the end."""
    made: list[Postgresql] = []

    with postgresql_folder() as folder:

        def new(**environ: str) -> Postgresql:
            made.append(Postgresql(folder / str(next(_numbers)), environ))
            return made[-1]

        yield new
        for server in made:
            server.kill()


@pytest.fixture(scope="session")
def server(servers: Callable[..., Postgresql]) -> Postgresql:
    """One PostgreSQL server, which runs again when a fault is over."""
    made = servers()
    made.create()
    return made


def urls(server: Postgresql, *others: Postgresql) -> dict[str, str]:
    """Return settings of services that keep their data in new databases of a server."""
    return {
        f"DESKHOLD_{service}_DATABASE_URL": server.new_url(
            f"{service.lower()}_{next(_numbers)}", *others
        )
        for service in ("BROKER", "RBAC")
    }


Keep = Callable[[str, object], None]


@contextmanager
def running(pair: Pair) -> Iterator[Pair]:
    """Start both services; stop them when the block ends."""
    try:
        pair.start()
        yield pair
    finally:
        pair.stop()


@pytest.fixture(scope="session", params=["SQLite", "PostgreSQL"])
def database(request: pytest.FixtureRequest) -> str:
    """Each kind of database in turn, as the table names it."""
    return str(request.param)


@pytest.fixture(scope="session")
def new_pair(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Callable[..., Pair]:
    """Makes pairs on a kind of database unless settings name one; not started yet."""

    def make(database: str, **settings: str) -> Pair:
        if database == "PostgreSQL" and "DESKHOLD_RBAC_DATABASE_URL" not in settings:
            settings |= urls(request.getfixturevalue("server"))
        return Pair(tmp_path_factory.mktemp("pair") / "var", **settings)

    return make


@pytest.fixture(scope="session")
def _pair(database: str, new_pair: Callable[..., Pair]) -> Iterator[Pair]:
    with running(new_pair(database)) as pair:
        yield pair


@pytest.fixture
def trial(_pair: Pair, database: str, record_property: Keep) -> Trial:
    """The trial of a fault, on each kind of database in turn; all of one kind share a pair."""
    _pair.revive()
    return Trial(_pair, database, record_property)
