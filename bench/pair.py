"""The real pair: the embedded default in a directory of its own, with everything on."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import create_engine, text

from bench.processes import START_SECONDS, Server, free_ports
from deskhold import environment, issuer
from deskhold.channel import Endpoint
from deskhold.client import Client
from deskhold.embedded.home import lay_out
from deskhold.embedded.paths import SERVICES, Home
from deskhold.identities import Principal, PrincipalKind

OWNER = "owner@contoso.com"
CALLERS = tuple(f"caller{number}@contoso.com" for number in range(100))
USERS = "desktop-users"
# They hold a host from the beginning.
HOLDERS = tuple(f"holder{number:04}@contoso.com" for number in range(1000))
COLLECTION = "tenantGroups/default/tenants/default/collections/bench"
_HOSTS_PER_CALL = 10_000
_TIMEOUT_SECONDS = 120.0


@dataclass(frozen=True, slots=True)
class Stored:
    """What the broker's database holds.

    Attributes:
        held: Rows of hosts that have a user, those of the holders aside.
        recorded: Rows of the history, likewise.
    """

    held: int
    recorded: int


def new_home(path: Path, *, signs: bool = False) -> Home:
    """Lay out a state directory on ports that are free.

    Args:
        path: Where.
        signs: Whether the broker signs `.rdp` files, as the embedded default does. A signature is
            RSA and costs as much as all the rest of a claim, so it is measured by itself.
    """
    home = lay_out(path, free_ports(len(SERVICES) + 1))
    if not signs:
        lines = home.settings_file.read_text("utf-8").splitlines(keepends=True)
        kept = [line for line in lines if "RDP_SIGNING_FILE=" not in line]
        home.settings_file.write_text("".join(kept), "utf-8")
    return home


def issuer_of(home: Home) -> issuer.Issuer:
    """Return who signs the tokens of a home."""
    settings = environment.read({environment.HOME: str(home.path)})
    return issuer.Issuer(
        settings["DESKHOLD_TOKEN_ISSUER"],
        settings["DESKHOLD_TOKEN_AUDIENCE"],
        issuer.load_key(home.issuer_key_file),
    )


class Pair:
    """Both services of a home, running.

    Args:
        stack: Stops them at its end.
        home: A home that is laid out and empty.
        databases: Settings that name other databases than the home does.
    """

    def __init__(
        self, stack: ExitStack, home: Home, databases: Mapping[str, str] | None = None
    ) -> None:
        self._home = home
        self._environ = {environment.HOME: str(home.path), **(databases or {})}
        self._bootstrap()
        settings = environment.read({**os.environ, **self._environ})
        self._engine = create_engine(settings["DESKHOLD_BROKER_DATABASE_URL"])
        self.address = settings["DESKHOLD_BROKER_ADDRESS"]
        self.servers = [stack.enter_context(self._start(name, settings)) for name in SERVICES]
        token = issuer.sign(issuer_of(home), OWNER)
        self.client = stack.enter_context(
            Client(
                broker=Endpoint(self.address, home.ca_file, token),
                rbac=Endpoint(settings["DESKHOLD_RBAC_ADDRESS"], home.ca_file, token),
                timeout_seconds=_TIMEOUT_SECONDS,
            )
        )
        self._hosts = 0
        self._prepare()

    def keep_free(self, count: int, *, claimed: int) -> None:
        """Add hosts until so many are free."""
        while self._hosts - claimed < count:
            numbers = range(self._hosts, self._hosts + _HOSTS_PER_CALL)
            self.client.add_hosts(COLLECTION, [f"vd-{number:07}" for number in numbers])
            self._hosts += _HOSTS_PER_CALL

    def count(self) -> Stored:
        """Count what is stored, past the service, in the database itself."""
        query = text(
            "SELECT (SELECT count(*) FROM hosts WHERE user_key IS NOT NULL) AS held,"
            " (SELECT count(*) FROM history) AS recorded"
        )
        with self._engine.connect() as connection:
            row = connection.execute(query).one()
        return Stored(row.held - len(HOLDERS), row.recorded - len(HOLDERS))

    def _bootstrap(self) -> None:
        command = [sys.executable, "-m", "rbac_service", "bootstrap", "--owner", OWNER]
        subprocess.run(
            command,
            check=True,
            env={**os.environ, **self._environ},
            timeout=START_SECONDS,
            stdout=subprocess.DEVNULL,
        )

    def _start(self, name: str, settings: dict[str, str]) -> Server:
        listen = settings[f"DESKHOLD_{name.upper()}_LISTEN"]
        metrics = {f"DESKHOLD_{name.upper()}_METRICS_LISTEN": f"127.0.0.1:{free_ports(1)}"}
        return Server(
            f"{name}_service",
            port=int(listen.rpartition(":")[2]),
            log=self._home.path / f"{name}.log",
            environ=self._environ | metrics,
        )

    def _prepare(self) -> None:
        parent = COLLECTION.rpartition("/collections/")[0]
        self.client.create_collection(
            parent, COLLECTION.rpartition("/")[2], type="personal", auto_assign_user=True
        )
        scope = "/" + COLLECTION
        for caller in CALLERS:
            principal = Principal(PrincipalKind.USER, caller)
            self.client.create_role_assignment(scope, principal, "RDS Owner")
        self.client.create_role_assignment(scope, Principal(PrincipalKind.GROUP, USERS), "RDS User")
        hosts = [f"own-{number:04}" for number in range(len(HOLDERS))]
        self.client.add_hosts(COLLECTION, hosts)
        rows = (f"{host},{user}\n" for host, user in zip(hosts, HOLDERS, strict=True))
        self.client.import_assignments(COLLECTION, "".join(rows).encode())
