"""Both services as `make run` starts them, in a home of their own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterable
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path

from deskhold import environment
from deskhold.channel import Endpoint
from deskhold.client import AsyncClient, Client
from deskhold.embedded.authority import (
    certificate_from_pem,
    certificate_to_pem,
    key_from_pem,
    key_to_pem,
    new_key,
    new_leaf,
)
from deskhold.embedded.paths import SERVICES, Home
from deskhold.issuer import Issuer, load_key, sign
from tests.ports import held_ports

OWNER = "admin@contoso.com"
TENANT = "tenantGroups/default/tenants/default"


class Pair:
    """rbac and broker as processes, the real command line, and clients for anybody.

    The launchers are read to their words, so that nothing here waits for a time: each of the
    methods that start or end something returns when it has happened.

    Args:
        path: The state directory.
        settings: Settings that win over those of the state directory.

    Attributes:
        home: The state directory.
        base_port: The broker's port; rbac takes the two after it.
    """

    def __init__(self, path: Path, **settings: str) -> None:
        self.home = Home(path)
        self._settings = settings
        self.base_port = held_ports()
        self._launchers: dict[str, _Launcher] = {}
        self._ending: set[str] = set()

    def start(self) -> None:
        """Start both, and name the first Owner."""
        both = self._launch()
        both.read_until("In another terminal")
        self._launchers |= {"rbac": both, "broker": both}
        self.deskhold("bootstrap", "--owner", OWNER, signed_in_as=None).check_returncode()

    def start_alone(self, service: str) -> None:
        """Start one service that has ended; returns when it serves."""
        launcher = self._launch("run", service)
        launcher.read_until(f"{service} listens on")
        self._launchers[service] = launcher

    def revive(self) -> None:
        """Start what has ended, or was told to."""
        for service in SERVICES:
            if service in self._ending:
                self.end_of(service)
            if not self.home.pid_file(service).exists():
                self.start_alone(service)

    def end(self, service: str, number: signal.Signals) -> None:
        """Send the process of a service a signal to end it by."""
        os.kill(int(self.home.process_id(service)), number)
        self._ending.add(service)

    def end_of(self, service: str) -> str:
        """Wait until the process of a service has ended; return what its launcher says of it."""
        self._ending.discard(service)
        return self._launchers[service].read_until(f"{service} ended", f"{service} was killed")

    def stop(self) -> None:
        """Stop everything that runs."""
        for launcher in set(self._launchers.values()):
            launcher.stop()

    def token_file(self, user: str, *groups: str) -> Path:
        """Return a file with a token that the deployment's own issuer signed."""
        return self.keep_token(user, sign(self.issuer, user, groups=groups))

    def keep_token(self, name: str, token: str) -> Path:
        """Return a file with a token."""
        path = self.home.path / f"{name.replace(chr(92), '-')}.token"
        path.write_text(f"{token}\n")
        return path

    @cached_property
    def issuer(self) -> Issuer:
        """The deployment's own issuer."""
        said = self.settings
        return Issuer(
            issuer=said["DESKHOLD_TOKEN_ISSUER"],
            audience=said["DESKHOLD_TOKEN_AUDIENCE"],
            key=load_key(self.home.issuer_key_file),
        )

    def client(self, user: str = OWNER, *groups: str) -> AsyncClient:
        """Return a client for a user, with a channel of its own."""
        broker, rbac = self._endpoints(user, *groups)
        return AsyncClient(broker=broker, rbac=rbac)

    def blocking_client(self, user: str = OWNER, *, timeout_seconds: float | None = None) -> Client:
        """Return a client that blocks, for a user, with a channel of its own."""
        broker, rbac = self._endpoints(user)
        return Client(broker=broker, rbac=rbac, timeout_seconds=timeout_seconds)

    def service_client(self, service: str) -> Client:
        """Return a client of rbac that blocks, for a service with a certificate of its own."""
        key = new_key()
        leaf = new_leaf(
            service,
            key,
            authority=certificate_from_pem(self.home.ca_file.read_bytes()),
            authority_key=key_from_pem(self.home.ca_key_file.read_bytes()),
            now=datetime.now(UTC),
        )
        cert_file, key_file = (
            self.home.path / f"{service}{ending}" for ending in (".pem", "-key.pem")
        )
        cert_file.write_bytes(certificate_to_pem(leaf))
        key_file.write_bytes(key_to_pem(key))
        address = self.settings["DESKHOLD_BROKER_AUTHORITY_ADDRESS"]
        endpoint = Endpoint(address, self.home.ca_file, cert_file=cert_file, key_file=key_file)
        return Client(rbac=endpoint)

    def _endpoints(self, user: str, *groups: str) -> tuple[Endpoint, Endpoint]:
        token = sign(self.issuer, user, groups=groups)
        broker, rbac = (
            Endpoint(self.settings[key], self.home.ca_file, token=token)
            for key in ("DESKHOLD_BROKER_ADDRESS", "DESKHOLD_RBAC_ADDRESS")
        )
        return broker, rbac

    def deskhold(
        self, *words: str, signed_in_as: str | Path | None = OWNER, stdin: bytes = b""
    ) -> subprocess.CompletedProcess[str]:
        """Run the command line, away from any terminal."""
        if isinstance(signed_in_as, str):
            signed_in_as = self.token_file(signed_in_as)
        chosen = {} if signed_in_as is None else {"DESKHOLD_TOKEN_FILE": str(signed_in_as)}
        done = subprocess.run(
            [str(Path(sys.executable).with_name("deskhold")), *words],
            env=self.environ | chosen,
            input=stdin,
            capture_output=True,
            check=False,
        )
        return subprocess.CompletedProcess(
            done.args, done.returncode, done.stdout.decode(), done.stderr.decode()
        )

    def run_module(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run `python -m ...` as an administrator would, beside the running services."""
        return subprocess.run(
            [sys.executable, "-m", *words],
            env=self.environ,
            capture_output=True,
            text=True,
            check=False,
        )

    @property
    def environ(self) -> dict[str, str]:
        """The environment of everything that is started here."""
        inherited = {
            key: value
            for key, value in os.environ.items()
            if not key.startswith(environment.PREFIX)
        }
        return inherited | {
            environment.HOME: str(self.home.path),
            "DESKHOLD_EMBEDDED_PORTS_FROM": str(self.base_port),
            **self._settings,
        }

    @property
    def settings(self) -> dict[str, str]:
        """The settings of the home."""
        return environment.read({environment.HOME: str(self.home.path)})

    def _launch(self, *words: str) -> _Launcher:
        self.home.path.mkdir(parents=True, exist_ok=True)
        return _Launcher(words, self.environ, self.home.path / "services.log")


class _Launcher:
    """`python -m deskhold.embedded`, whose words are read as they come."""

    def __init__(self, words: Iterable[str], environ: dict[str, str], log: Path) -> None:
        self._log = log
        self._passed_over: list[str] = []
        with log.open("ab") as stderr:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "deskhold.embedded", *words],
                env=environ,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=stderr,
                text=True,
            )

    def read_until(self, *beginnings: str) -> str:
        """Return the next line that begins so; what was passed over before may be it.

        Of two that end at once either may be told first.
        """
        assert self._process.stdout is not None
        for line in self._passed_over:
            if line.startswith(beginnings):
                self._passed_over.remove(line)
                return line.rstrip()
        for line in self._process.stdout:
            if line.startswith(beginnings):
                return line.rstrip()
            self._passed_over.append(line)
        heard = "".join(self._passed_over)
        raise AssertionError(
            f"the launcher ended without saying {beginnings}, but:\n{heard}{self._log.read_text()}"
        )

    def stop(self) -> None:
        """Stop it and what it started."""
        self._process.terminate()
        self._process.communicate()
