"""The two services as real processes in a home of their own, and clients that sign in to them."""

from __future__ import annotations

import itertools
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from grpc import aio
from sqlalchemy import create_engine, text
from sqlalchemy.pool import NullPool

from deskhold import environment, issuer
from deskhold.channel import Endpoint, open_async
from deskhold.client import AsyncClient, Client
from deskhold.embedded.paths import Home
from deskhold.identities import Principal, PrincipalKind
from tests.databases import Databases
from tests.ports import held_ports

OWNER = "admin@contoso.com"
DEFAULT_TENANT = "tenantGroups/default/tenants/default"

numbers = itertools.count(1)
Dump = dict[str, list[tuple[Any, ...]]]


@dataclass(frozen=True)
class Eng:
    """The collection `eng` of a tenant."""

    tenant: str
    name: str


class Once(AsyncClient):
    """A client that never repeats a call by itself, so that one refusal is one answer."""

    def _channel(self, service: str, endpoint: Endpoint) -> aio.Channel:
        if service not in self._channels:
            self._channels[service] = open_async(endpoint)
        return self._channels[service]


class Pair:
    """Both services, the first Owner named."""

    def __init__(self, home: Home, store_url: str, launcher: subprocess.Popen[str]) -> None:
        self.home = home
        self.store_url = store_url
        self._launcher = launcher
        self.settings: Mapping[str, str] = environment.read({environment.HOME: str(home.path)})
        self._issuer = issuer.Issuer(
            self.settings["DESKHOLD_TOKEN_ISSUER"],
            self.settings["DESKHOLD_TOKEN_AUDIENCE"],
            issuer.load_key(home.issuer_key_file),
        )
        self.metrics_ports: Mapping[str, int] = {}
        self._clients: dict[tuple[str, ...], Client] = {}

    @classmethod
    def start(cls, path: Path, databases: Databases, **more: str) -> Self:
        """Start both on new databases, which they migrate themselves, with more environment."""
        store_url = databases.new()
        port = held_ports()
        environ = {
            **os.environ,
            "DESKHOLD_HOME": str(path / "home"),
            "DESKHOLD_EMBEDDED_PORTS_FROM": str(held_ports()),
            "DESKHOLD_BROKER_DATABASE_URL": store_url,
            "DESKHOLD_RBAC_DATABASE_URL": databases.new(),
            "DESKHOLD_BROKER_METRICS_LISTEN": f"127.0.0.1:{port}",
            "DESKHOLD_RBAC_METRICS_LISTEN": f"127.0.0.1:{port + 1}",
            **more,
        }
        with (path / "log").open("w") as log:
            launcher = subprocess.Popen(
                [sys.executable, "-m", "deskhold.embedded"],
                env=environ,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        assert launcher.stdout is not None
        said = []
        for line in launcher.stdout:
            if "stops both" in line:
                break
            said.append(line)
        else:
            said.append((path / "log").read_text())
            raise AssertionError(f"the pair did not start:\n{''.join(said)}")
        bootstrap = [sys.executable, "-m", "rbac_service", "bootstrap", "--owner", OWNER]
        subprocess.run(bootstrap, env=environ, check=True, stdout=subprocess.DEVNULL)
        made = cls(Home((path / "home").resolve()), store_url, launcher)
        made.metrics_ports = {"broker": port, "rbac": port + 1}
        return made

    def stop(self) -> None:
        for client in self._clients.values():
            client.close()
        self._launcher.terminate()
        self._launcher.communicate()

    def client(self, user: str, *groups: str) -> Client:
        """Return the blocking client of a user, whose token names the groups."""
        key = (user, *groups)
        if key not in self._clients:
            self._clients[key] = Client(
                broker=self._endpoint("BROKER", self.token(user, *groups)),
                rbac=self._endpoint("RBAC", self.token(user, *groups)),
            )
        return self._clients[key]

    def once(self, user: str, *groups: str) -> Once:
        """Return an asyncio client of a user that never repeats a call by itself."""
        token = self.token(user, *groups)
        return Once(broker=self._endpoint("BROKER", token), rbac=self._endpoint("RBAC", token))

    def as_broker(self) -> Endpoint:
        """Return how the broker itself dials rbac: by mutual TLS, with its certificate."""
        return Endpoint(
            self.settings["DESKHOLD_BROKER_AUTHORITY_ADDRESS"],
            self.home.ca_file,
            cert_file=self.home.tls_file("broker"),
            key_file=self.home.tls_key_file("broker"),
        )

    def token(self, user: str, *groups: str) -> str:
        return issuer.sign(self._issuer, user, groups=groups)

    def grant(self, user: str, role: str, scope: str) -> None:
        """Give a user a role at a scope."""
        principal = Principal(PrincipalKind.USER, user)
        self.client(OWNER).create_role_assignment(scope, principal, role)

    def kill(self, service: str) -> None:
        """Kill a service and wait until the launcher has seen it."""
        os.kill(int(self.home.process_id(service)), signal.SIGKILL)
        assert self._launcher.stdout is not None
        for line in self._launcher.stdout:
            if "was killed by SIGKILL" in line:
                return

    @contextmanager
    def authority_stopped(self) -> Iterator[None]:
        """Stop rbac as it stands: connections stay open, and nobody answers."""
        process_id = int(self.home.process_id("rbac"))
        os.kill(process_id, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(process_id, signal.SIGCONT)
            self.client(OWNER).who_am_i()

    def quarantine(self, eng: Eng, host_id: str) -> None:
        """Put a free host of a collection into quarantine, as the end of an assignment does."""
        engine = create_engine(self.store_url, poolclass=NullPool)
        with engine.begin() as connection:
            connection.execute(
                text(
                    "UPDATE hosts SET quarantined_us = 1, claim_rank = NULL WHERE host_id = :host"
                    " AND collection_id = (SELECT id FROM collections WHERE name = :name)"
                ),
                {"host": host_id, "name": eng.name},
            )
        engine.dispose()

    def dump(self) -> Dump:
        """Return every row of the broker's store, names in transition aside."""
        return dump(self.store_url)

    def _endpoint(self, service: str, token: str) -> Endpoint:
        address = self.settings[f"DESKHOLD_{service}_ADDRESS"]
        return Endpoint(address, self.home.ca_file, token=token)


def dump(url: str) -> Dump:
    """Return every row of a broker's store, names in transition aside."""
    names = (
        *("collections", "app_groups", "hosts", "history", "replies"),
        *("host_reports", "sessions", "sign_ins", "session_commands"),
    )
    engine = create_engine(url, poolclass=NullPool, isolation_level="SERIALIZABLE")
    with engine.connect() as connection:
        if connection.dialect.name == "sqlite":
            connection.exec_driver_sql("BEGIN")  # its driver would not, before the first write
        rows = {
            name: connection.execute(text(f"SELECT * FROM {name} ORDER BY 1, 2")).all()
            for name in names
        }
    engine.dispose()
    return {name: [tuple(row) for row in found] for name, found in rows.items()}
