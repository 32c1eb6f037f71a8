"""Where everything lies in the state directory."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

# In the order of starting: the broker asks rbac before everything it does.
SERVICES = ("rbac", "broker")


@dataclass(frozen=True, slots=True)
class Home:
    """One state directory.

    Attributes:
        path: Its absolute path.
    """

    path: Path

    @property
    def ca_file(self) -> Path:
        """The authority's certificate, which everybody who dials trusts."""
        return self.path / "ca" / "ca.pem"

    @property
    def ca_key_file(self) -> Path:
        """The authority's key; only needed to renew a leaf, and worth more than all the rest."""
        return self.path / "ca" / "ca-key.pem"

    def tls_file(self, service: str) -> Path:
        """Return where a service's certificate lies."""
        return self.path / "tls" / f"{service}.pem"

    def tls_key_file(self, service: str) -> Path:
        """Return where the key of a service's certificate lies."""
        return self.path / "tls" / f"{service}-key.pem"

    @property
    def issuer_key_file(self) -> Path:
        """The key with which the local issuer signs tokens; whoever reads it can be anybody."""
        return self.path / "issuer" / "key.pem"

    @property
    def jwks_file(self) -> Path:
        """The issuer's public key, which the services check tokens with (RFC 7517)."""
        return self.path / "issuer" / "jwks.json"

    @property
    def rdp_signing_file(self) -> Path:
        """The certificate that signs `.rdp` files, the authority's above it, and its key."""
        return self.path / "rdp" / "signing.pem"

    @property
    def page_key_file(self) -> Path:
        """The secret with which the services sign page tokens."""
        return self.path / "secrets" / "page-key"

    @property
    def settings_file(self) -> Path:
        """The settings that the services, the command line and the SDK read."""
        return self.path / "deskhold.env"

    def database_file(self, service: str) -> Path:
        """Return where a service keeps its data; the service makes it."""
        return self.path / f"{service}.db"

    @property
    def layout_lock(self) -> Path:
        """Locked while the directory is being laid out."""
        return self.path / "run" / "layout.lock"

    def lock_file(self, service: str) -> Path:
        """Return the file that is locked for as long as the service's process lives."""
        return self.path / "run" / f"{service}.lock"

    def pid_file(self, service: str) -> Path:
        """Return where a running service's process id is written, for scripts."""
        return self.path / "run" / f"{service}.pid"

    def log_file(self, service: str) -> Path:
        """Return where a service's log goes, a JSON object a line."""
        return self.path / "log" / f"{service}.log"

    def process_id(self, service: str) -> str:
        """Return the process id last written for a service, or `unknown`."""
        try:
            return self.pid_file(service).read_text(encoding="ascii").strip() or "unknown"
        except FileNotFoundError:
            return "unknown"
