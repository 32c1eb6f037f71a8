"""rbac processes, each on a policy of its own size, with everything on."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from sqlalchemy import create_engine

from bench import policies
from bench.pair import OWNER, issuer_of
from bench.processes import START_SECONDS, Server, free_ports
from deskhold import environment, issuer
from deskhold.channel import Endpoint
from deskhold.client import Client
from deskhold.embedded.paths import Home
from deskhold.identities import Principal, PrincipalKind

_WRITES_PER_SECOND = 20


class Authority:
    """One process and its store.

    Args:
        stack: Stops it at its end.
        home: Whose certificates it shows.
        size: How many role assignments its policy has, besides the first ones.
        database_url: An empty database; None: a SQLite file of its own.
        policy_of: Another process whose store it shares instead of filling one.
    """

    def __init__(
        self,
        stack: ExitStack,
        home: Home,
        *,
        size: int,
        database_url: str | None = None,
        policy_of: Authority | None = None,
    ) -> None:
        port = free_ports(3)
        self._home = home
        self.size = size
        self.url = database_url or f"sqlite:///{home.path / f'rbac-{size}.db'}"
        self.people = f"localhost:{port}"
        self.address = f"localhost:{port + 1}"
        environ = {
            environment.HOME: str(home.path),
            "DESKHOLD_RBAC_DATABASE_URL": self.url,
            "DESKHOLD_RBAC_LISTEN": self.people,
            "DESKHOLD_RBAC_SERVICE_LISTEN": self.address,
            "DESKHOLD_RBAC_METRICS_LISTEN": f"127.0.0.1:{port + 2}",
        }
        if policy_of is None:
            self._fill(environ)
        log = home.path / f"rbac-{port}.log"
        server = Server("rbac_service", port=port + 1, log=log, environ=environ)
        self.server = stack.enter_context(server)

    def client(self) -> Client:
        """Return what the Owner can do here."""
        token = issuer.sign(issuer_of(self._home), OWNER)
        return Client(rbac=Endpoint(self.people, self._home.ca_file, token))

    @contextmanager
    def changing(self) -> Iterator[list[str]]:
        """Make changes, evenly spread, while it is entered; what was made fills the list."""
        made: list[str] = []
        is_over = threading.Event()

        def change() -> None:
            with self.client() as client:
                while not is_over.wait(1 / _WRITES_PER_SECOND):
                    principal = Principal(PrincipalKind.USER, f"writer-{os.urandom(8).hex()}@x.org")
                    scope = "/tenantGroups/g0"
                    made.append(client.create_role_assignment(scope, principal, "RDS Reader").name)

        writer = threading.Thread(target=change)
        writer.start()
        try:
            yield made
        finally:
            is_over.set()
            writer.join()

    def _fill(self, environ: dict[str, str]) -> None:
        subprocess.run(
            [sys.executable, "-m", "rbac_service", "bootstrap", "--owner", OWNER],
            check=True,
            env={**os.environ, **environ},
            timeout=START_SECONDS,
            stdout=subprocess.DEVNULL,
        )
        engine = create_engine(self.url)
        policies.fill(engine, self.size)
        engine.dispose()
