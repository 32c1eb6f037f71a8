"""Settings: `DESKHOLD_*`, from the environment or one file, read once and reported all together.

A service called `rbac` looks for `DESKHOLD_RBAC_LISTEN` before `DESKHOLD_LISTEN`, so that both
services can share a file. Secrets are files, never values.
"""

from __future__ import annotations

import os
import ssl
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, TypeVar
from urllib.parse import urlsplit

from deskhold import environment
from deskhold.identities import Domains

Value = TypeVar("Value")

_MIN_PAGE_KEY_BYTES = 16
_MAX_CALL_SECONDS = 240


# The fields of ServerSettings that a running service takes from a changed file.
LIVE: Final = (
    "drain_seconds",
    "log_level",
    "logged_reads",
    "max_seconds",
    "max_stream_seconds",
)


class SettingsError(Exception):
    """Settings that cannot be used; lists every problem, a line each."""


@contextmanager
def explained(service: str) -> Iterator[None]:
    """End the process with exit code 2 and a plain message when settings cannot be used.

    An interrupt before it serves ends it with exit code 130 and no traceback. Files that it makes,
    databases and their journals among them, are its user's only, whoever starts it.
    """
    os.umask(0o077)
    try:
        yield
    except KeyboardInterrupt:
        sys.exit(130)
    except SettingsError as error:
        sys.stderr.write(f"{service}_service cannot start:\n{error}\n")
        sys.exit(2)


class Reader:
    """Reads settings and gathers the problems.

    Args:
        service: `broker` or `rbac`.
        values: Environment and file, merged.
        environ: The environment alone, for `again`.
    """

    def __init__(
        self, service: str, values: Mapping[str, str], environ: Mapping[str, str] | None = None
    ) -> None:
        self.service = service
        self._prefixes = (f"DESKHOLD_{service.upper()}_", "DESKHOLD_")
        self._values = values
        self._environ = dict(values if environ is None else environ)
        self._names: set[str] = set()
        self._problems: list[str] = []

    @classmethod
    def of(cls, service: str, environ: Mapping[str, str]) -> Reader:
        """Return the reader of a service's environment and of the file that goes with it.

        Raises:
            SettingsError: The file cannot be read, or holds what is no setting.
        """
        try:
            return cls(service, environment.read(environ), environ)
        except (ValueError, OSError) as error:
            raise SettingsError(str(error)) from error

    def read(self, name: str, convert: Callable[[str], Value], default: str | None = None) -> Value:
        """Return one setting; what is wrong with it is kept until `finish`.

        Args:
            name: Its name after the prefix.
            convert: Turns the text into the value; raises ValueError or OSError with the reason.
            default: The text to use when it is not set; None when it must be.
        """
        self._names.add(name)
        key, text = self._found(name)
        if not text:
            if default is None:
                self._problems.append(f"{key} is not set")
                return None  # type: ignore[return-value]  # never seen: finish() raises first
            text = default
        try:
            return convert(text)
        except (ValueError, OSError) as error:
            self._problems.append(f"{key}={_without_password(text)!r}: {error}")
            return None  # type: ignore[return-value]  # never seen: finish() raises first

    def again(self) -> Reader:
        """Return a reader of the same environment and of the file as it is now.

        Raises:
            SettingsError: As in `of`.
        """
        return Reader.of(self.service, self._environ)

    @property
    def file(self) -> Path:
        """The settings file, whether it is there or not."""
        return environment.file(self._values)

    def changed(self, later: Reader) -> list[str]:
        """Return the names of the settings read here that have another value in a later reader."""
        return sorted(name for name in self._names if self._found(name) != later._found(name))

    def _found(self, name: str) -> tuple[str, str]:
        """Return under which key a setting was found, and its text; empty when it is not set."""
        keys = [prefix + name for prefix in self._prefixes]
        key = next((one for one in keys if self._values.get(one)), keys[0])
        return key, self._values.get(key, "")

    @property
    def unknown(self) -> list[str]:
        """A sentence for each setting that nothing reads."""
        return environment.unknown(self._values)

    def check(self, problems: Iterable[str]) -> None:
        """Check everything that can be checked without serving.

        Args:
            problems: What is wrong besides with what the settings name.

        Raises:
            SettingsError: Something is; unknown settings count.
        """
        self._problems += [*self.unknown, *problems]
        self.finish()

    def finish(self) -> None:
        """Check that every setting could be read.

        Raises:
            SettingsError: At least one could not.
        """
        if self._problems:
            raise SettingsError("\n".join(self._problems))


@dataclass(frozen=True, slots=True)
class ServerSettings:
    """What every server here needs to know.

    Attributes:
        listen: Where people are served: TLS, bearer tokens.
        service_listen: Where services are served: mutual TLS. Empty: nowhere.
        database_url: SQLAlchemy URL: `sqlite:////path` or `postgresql+psycopg://user@host/name`. A
            password is better kept in a file that the URL names: `?passfile=/path`.
        database_connections: How many connections a PostgreSQL database is given.
        tls_cert_file, tls_key_file: The server's certificate and key, PEM.
        ca_file: The authority that signs the certificates of services, PEM.
        token_issuer, token_audience, token_jwks_file: Whose tokens are accepted.
        page_key: Signs page tokens.
        domains: NetBIOS to DNS domains.
        log_level: `DEBUG`, `INFO`, `WARNING`, `ERROR`.
        metrics_listen: Where Prometheus scrapes and readiness is asked for, plain HTTP. Empty:
            nowhere.
        reflection: Whether the server describes itself to tools.
        max_seconds: The longest any call may take.
        max_concurrent: How many calls are served at once; more are refused.
        drain_seconds: How long calls in flight get when the server stops.
        max_stream_seconds: The longest a stream lasts before its reader must resume.
        logged_reads: Which share of the reads that succeed is logged, from 0 to 1.
        service: The service's name: `broker` or `rbac`.
        traces_endpoint: Where spans go, by OTLP. Empty: nowhere.
        traces_share: Which share of the traces that begin here is sampled, from 0 to 1.
    """

    listen: str
    service_listen: str
    database_url: str
    tls_cert_file: Path
    tls_key_file: Path
    ca_file: Path
    token_issuer: str
    token_audience: str
    token_jwks_file: Path
    page_key: bytes = field(repr=False)
    domains: Domains
    log_level: str
    metrics_listen: str
    reflection: bool
    max_seconds: float
    max_concurrent: int
    drain_seconds: float
    max_stream_seconds: float = 600.0
    logged_reads: float = 1.0
    service: str = ""
    traces_endpoint: str = ""
    traces_share: float = 0.0
    database_connections: int = 10

    @classmethod
    def read(cls, reader: Reader) -> ServerSettings:
        """Read them; the caller finishes the reader before use."""
        return cls(
            listen=reader.read("LISTEN", address),
            service_listen=reader.read("SERVICE_LISTEN", optional_address, ""),
            database_url=reader.read("DATABASE_URL", database_url),
            tls_cert_file=reader.read("TLS_CERT_FILE", certificates),
            tls_key_file=reader.read("TLS_KEY_FILE", file),
            ca_file=reader.read("CA_FILE", certificates),
            token_issuer=reader.read("TOKEN_ISSUER", str),
            token_audience=reader.read("TOKEN_AUDIENCE", str),
            token_jwks_file=reader.read("TOKEN_JWKS_FILE", file),
            page_key=reader.read("PAGE_KEY_FILE", secret),
            domains=reader.read("DOMAINS", Domains.parse, ""),
            log_level=reader.read("LOG_LEVEL", log_level, "INFO"),
            metrics_listen=reader.read("METRICS_LISTEN", optional_address, ""),
            reflection=reader.read("REFLECTION", boolean, "false"),
            max_seconds=reader.read("MAX_SECONDS", call_seconds, "120"),
            max_concurrent=reader.read("MAX_CONCURRENT", count, "2000"),
            drain_seconds=reader.read("DRAIN_SECONDS", positive, "10"),
            max_stream_seconds=reader.read("MAX_STREAM_SECONDS", positive, "600"),
            logged_reads=reader.read("LOGGED_READS", share, "1"),
            service=reader.service,
            traces_endpoint=reader.read("TRACES_ENDPOINT", optional_endpoint, ""),
            traces_share=reader.read("TRACES_SHARE", share, "0.01"),
            database_connections=reader.read("DATABASE_CONNECTIONS", count, "10"),
        )


def address(text: str) -> str:
    """Return `host:port`."""
    host, colon, port = text.rpartition(":")
    if not (host and colon and port.isdecimal() and int(port) < 65536):
        raise ValueError("is not of the form 'host:port'")
    return text


def addresses(text: str) -> tuple[str, ...]:
    """Return each `host:port` of a list with commas."""
    return tuple(address(one.strip()) for one in text.split(","))


def optional_address(text: str) -> str:
    """Return `host:port`, or nothing."""
    return address(text) if text else ""


def optional_endpoint(text: str) -> str:
    """Return `http://host:port` or `https://host:port`, or nothing."""
    url = urlsplit(text)
    if text and not (url.scheme in ("http", "https") and url.hostname and url.port):
        raise ValueError("is not of the form 'http://host:port' or 'https://host:port'")
    return text


def database_url(text: str) -> str:
    """Return the URL of a database of a kind that is supported."""
    url = urlsplit(text)
    is_sqlite = text.startswith("sqlite:///")
    if not is_sqlite and (url.scheme != "postgresql+psycopg" or not url.path.strip("/")):
        raise ValueError(
            "is neither of the form 'sqlite:////absolute/path'"
            " nor 'postgresql+psycopg://user@host:5432/database'"
        )
    return text


def _without_password(text: str) -> str:
    before, at, host = text.rpartition("@")
    scheme, mark, user = before.partition("://")
    return f"{scheme}://{user.partition(':')[0]}:***@{host}" if at and mark else text


def file(text: str) -> Path:
    """Return the path of a file that is there."""
    path = Path(text)
    if not path.is_file():
        raise ValueError("is no file")
    return path


def certificates(text: str) -> Path:
    """Return the path of a file that holds certificates."""
    path = file(text)
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_verify_locations(cafile=path)
    except ssl.SSLError:
        raise ValueError("holds no certificate in PEM") from None
    return path


def secret(text: str) -> bytes:
    """Return the contents of a secret file."""
    content = file(text).read_bytes().strip()
    if len(content) < _MIN_PAGE_KEY_BYTES:
        raise ValueError(f"holds fewer than {_MIN_PAGE_KEY_BYTES} bytes")
    return content


def boolean(text: str) -> bool:
    """Return `true` or `false`."""
    if text.lower() not in ("true", "false"):
        raise ValueError("is neither 'true' nor 'false'")
    return text.lower() == "true"


def positive(text: str) -> float:
    """Return a number above zero."""
    number = float(text)
    if not 0 < number < float("inf"):
        raise ValueError("is not a number above 0")
    return number


def share(text: str) -> float:
    """Return a number from 0 to 1."""
    number = float(text)
    if not 0 <= number <= 1:
        raise ValueError("is not a number from 0 to 1")
    return number


def count(text: str) -> int:
    """Return a whole number above zero."""
    if not (text.isdecimal() and int(text) > 0):
        raise ValueError("is not a whole number above 0")
    return int(text)


def call_seconds(text: str) -> float:
    """Return the longest time a call may take; what lasts longer is taken for abandoned."""
    seconds = positive(text)
    if seconds > _MAX_CALL_SECONDS:
        raise ValueError(f"is more than {_MAX_CALL_SECONDS} seconds")
    return seconds


def log_level(text: str) -> str:
    """Return a level name."""
    if text.upper() not in ("DEBUG", "INFO", "WARNING", "ERROR"):
        raise ValueError("is not DEBUG, INFO, WARNING or ERROR")
    return text.upper()
