"""Where settings come from: the process's environment first, then one file of the state directory.

`$DESKHOLD_HOME/deskhold.env` (`./var` when DESKHOLD_HOME is unset) holds `KEY=VALUE` lines; the
embedded default writes it when it starts, so that a client in the same folder needs no further
word. Only `DESKHOLD_*` keys are read. Values are taken as they stand, without quoting or expansion;
relative paths count from the working directory.
"""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Final

PREFIX = "DESKHOLD_"
HOME = "DESKHOLD_HOME"
FILE_NAME = "deskhold.env"
_DEFAULT_HOME = "var"
# Every setting there is, after the prefix; docs/settings.md says what each means.
SETTINGS: Final = frozenset(
    {
        "ACTIVITY_DAYS",
        "ACTIVITY_ROWS",
        "AUTHORITY_ADDRESS",
        "BROKER_ADDRESS",
        "CA_FILE",
        "DATABASE_CONNECTIONS",
        "DATABASE_URL",
        "DOMAINS",
        "DRAIN_SECONDS",
        "EMBEDDED_PORTS_FROM",
        "ENFORCEMENT_POINT",
        "HISTORY_DAYS",
        "HOME",
        "ISSUER_KEY_FILE",
        "KEPT_DECISIONS",
        "LISTEN",
        "LOGGED_READS",
        "LOG_LEVEL",
        "MAX_CONCURRENT",
        "MAX_SECONDS",
        "MAX_STALENESS_SECONDS",
        "MAX_STREAM_SECONDS",
        "METRICS_LISTEN",
        "PAGE_KEY_FILE",
        "RBAC_ADDRESS",
        "RDP_SIGNING_FILE",
        "REFLECTION",
        "ROUTING_TOKEN_SECONDS",
        "SERVICE_LISTEN",
        "TLS_CERT_FILE",
        "TLS_KEY_FILE",
        "TOKEN_AUDIENCE",
        "TOKEN_FILE",
        "TOKEN_ISSUER",
        "TOKEN_JWKS_FILE",
        "TRACES_ENDPOINT",
        "TRACES_SHARE",
    }
)
# The service `rbac` reads DESKHOLD_RBAC_LISTEN before DESKHOLD_LISTEN.
_SERVICES: Final = ("BROKER_", "RBAC_")


def read(environ: Mapping[str, str]) -> dict[str, str]:
    """Return every setting, DESKHOLD_HOME and DESKHOLD_TOKEN_FILE always among them.

    Args:
        environ: The process's environment; what it says wins over the file. An empty value counts
            as unset.

    Raises:
        ValueError: A line of the file is no `DESKHOLD_KEY=VALUE`; names the file and the line.
        OSError: The file is there but cannot be read.
    """
    said = {key: value for key, value in environ.items() if key.startswith(PREFIX) and value}
    home = Path(said.get(HOME, _DEFAULT_HOME))
    settings = {HOME: str(home), "DESKHOLD_TOKEN_FILE": str(home / "token")}
    return settings | _read_file(file(said)) | said


def file(values: Mapping[str, str]) -> Path:
    """Return the path of the settings file, whether it is there or not."""
    return Path(values.get(HOME, _DEFAULT_HOME)) / FILE_NAME


def unknown(values: Mapping[str, str]) -> list[str]:
    """Return a sentence for each setting that nothing reads, with the nearest that is read."""
    found = []
    for key in sorted(values):
        name = key.removeprefix(PREFIX)
        own = next((name.removeprefix(one) for one in _SERVICES if name.startswith(one)), name)
        if not {name, own} & SETTINGS:
            near = get_close_matches(own, SETTINGS, n=1)
            meant = f"; did you mean {PREFIX}{near[0]}?" if near else ""
            found.append(f"{key} is no setting{meant}")
    return found


def _read_file(path: Path) -> dict[str, str]:
    try:
        text = path.read_text("utf-8")
    except FileNotFoundError:
        return {}
    pairs = {}
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        key, equals, value = (part.strip() for part in line.partition("="))
        if not equals or not key.startswith(PREFIX) or key == HOME:
            # A home named by the file in the home would be a second truth.
            raise ValueError(
                f"{path}, line {number}: {key!r} is no setting that this file may hold"
            )
        if value:
            pairs[key] = value
    return pairs
