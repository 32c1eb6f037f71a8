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


@contextmanager
def running(path: Path, **settings: str) -> Iterator[Pair]:
    """Start both services in a home of their own; stop them when the block ends."""
    pair = Pair(path, **settings)
    try:
        pair.start()
        yield pair
    finally:
        pair.stop()


@pytest.fixture(scope="session")
def on_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    """Both services, started with the first test that asks; each test leaves them running."""
    with running(tmp_path_factory.mktemp("pair") / "var") as pair:
        yield pair


@pytest.fixture(scope="session")
def on_postgresql(server: Postgresql, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    """The same, on a PostgreSQL server that tests may kill."""
    with running(tmp_path_factory.mktemp("pair") / "var", **urls(server)) as pair:
        yield pair


Keep = Callable[[str, object], None]


@pytest.fixture(params=["on_sqlite", "on_postgresql"])
def trial(request: pytest.FixtureRequest, record_property: Keep) -> Trial:
    """The trial of a fault that is not the database's own, on each kind of database in turn."""
    pair = request.getfixturevalue(request.param)
    pair.revive()
    database = "SQLite" if request.param == "on_sqlite" else "PostgreSQL"
    return Trial(pair, database, record_property)


@pytest.fixture
def postgresql_trial(on_postgresql: Pair, record_property: Keep) -> Trial:
    """The trial of a fault of a PostgreSQL server."""
    on_postgresql.revive()
    return Trial(on_postgresql, "PostgreSQL", record_property)
