"""The service as it runs: its own processes, real TLS, people and services who call it."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc
from google.protobuf.message import Message
from sqlalchemy import create_engine, text
from sqlalchemy.pool import NullPool

import rbac_service
from deskhold import issuer
from deskhold.channel import Endpoint, open_sync
from deskhold.chassis import clock
from deskhold.chassis.db import Database
from deskhold.embedded.home import lay_out
from deskhold.embedded.paths import Home
from deskhold.identities import Domains
from rbac_service.bootstrap import bootstrap
from tests import rpcs
from tests.databases import Databases
from tests.ports import held_ports

MIGRATIONS = Path(rbac_service.__file__).parent / "migrations"
OWNER = "admin@contoso.com"


def environ(home: Home, **changes: str) -> dict[str, str]:
    """Return the environment in which a process of the service starts."""
    own = {f"DESKHOLD_RBAC_{name}": value for name, value in changes.items()}
    return os.environ | {"DESKHOLD_HOME": str(home.path)} | own


class Caller:
    """Sends requests as one caller and returns the replies; raises `deskhold.errors`."""

    def __init__(self, channel: grpc.Channel, token: str | None) -> None:
        self._channel = channel
        self._metadata = () if token is None else (("authorization", f"Bearer {token}"),)

    def __call__(self, request: Message) -> Any:
        return rpcs.call(self._channel, request, metadata=self._metadata)


class Process:
    """One running process of the service."""

    def __init__(self, home: Home, url: str) -> None:
        self.home = home
        port = held_ports()
        self.address, self._services = f"127.0.0.1:{port}", f"127.0.0.1:{port + 1}"
        self._process = subprocess.Popen(
            [sys.executable, "-m", "rbac_service"],
            env=environ(home, DATABASE_URL=url, LISTEN=self.address, SERVICE_LISTEN=self._services),
            stderr=subprocess.PIPE,
            text=True,
        )
        self.log: list[str] = []
        self._wait_until_it_serves()
        threading.Thread(target=self._read_log, daemon=True).start()
        self._channel = open_sync(Endpoint(self.address, home.ca_file))

    def signed_in(self, user: str, groups: Sequence[str] = ()) -> Caller:
        """Return what a person with a token can do."""
        key = issuer.load_key(self.home.issuer_key_file)
        own = issuer.Issuer("https://deskhold.local", "deskhold", key)
        return Caller(self._channel, issuer.sign(own, user, groups=groups))

    @property
    def nobody(self) -> Caller:
        """What a caller without a credential can do."""
        return Caller(self._channel, None)

    @property
    def broker(self) -> Caller:
        """What the enforcement point can do, by its certificate."""
        endpoint = Endpoint(
            self._services,
            self.home.ca_file,
            cert_file=self.home.tls_file("broker"),
            key_file=self.home.tls_key_file("broker"),
        )
        return Caller(open_sync(endpoint), None)

    def stop(self) -> int:
        """Stop it as a service manager does; return its exit code."""
        self._channel.close()
        self._process.terminate()
        return self._process.wait()

    def _stderr(self) -> Any:
        return self._process.stderr

    def _wait_until_it_serves(self) -> None:
        for line in self._stderr():
            self.log.append(line)
            if '"serving"' in line:
                return
        raise AssertionError("".join(self.log))

    def _read_log(self) -> None:
        self.log.extend(self._stderr())


async def _name_first_owner(url: str) -> None:
    database = Database(url)
    await bootstrap(
        database,
        Domains.parse("CONTOSO=contoso.com"),
        owner=OWNER,
        enforcement_point="spiffe://deskhold/broker",
        now_us=clock.now_us(),
    )
    await database.close()


@dataclass
class Deployment:
    """A state directory and a database whose first Owner is named, and the processes on them."""

    home: Home
    url: str
    processes: list[Process] = field(default_factory=list)

    @classmethod
    def make(cls, folder: Path, databases: Databases) -> Deployment:
        """Lay one out; the first Owner is named here as the command does it, only faster."""
        home, url = lay_out(folder, held_ports()), databases.new(MIGRATIONS)
        asyncio.run(_name_first_owner(url))
        return cls(home, url)

    def start(self) -> Process:
        """Start one more process on the one database."""
        self.processes.append(Process(self.home, self.url))
        return self.processes[-1]

    def stop(self) -> None:
        for process in self.processes:
            process.stop()

    def rows(self, query: str) -> list[Any]:
        """Ask the database itself."""
        engine = create_engine(self.url, poolclass=NullPool)
        with engine.connect() as connection:
            found = connection.execute(text(query)).mappings().all()
        engine.dispose()
        return list(found)

    def log(self) -> list[Any]:
        """Return the log's entries, oldest first."""
        return self.rows("SELECT * FROM log ORDER BY revision")

    def changes(self, revision: int) -> list[dict[str, Any]]:
        """Return the changes of one revision."""
        (row,) = self.rows(f"SELECT changes FROM log WHERE revision = {revision}")
        return list(json.loads(row["changes"]))

    @property
    def revision(self) -> int:
        """The newest revision."""
        return int(self.rows("SELECT revision FROM head")[0]["revision"])
