"""Where settings come from: the process's environment first, then one file of the state directory.

`$DESKHOLD_HOME/deskhold.env` (`./var` when DESKHOLD_HOME is unset) holds `KEY=VALUE` lines; the
embedded default writes it when it starts, so that a client in the same folder needs no further
word. Only `DESKHOLD_*` keys are read. Values are taken as they stand, without quoting or expansion;
relative paths count from the working directory.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

PREFIX = "DESKHOLD_"
HOME = "DESKHOLD_HOME"
FILE_NAME = "deskhold.env"
_DEFAULT_HOME = "var"


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
    return settings | _read_file(home / FILE_NAME) | said


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
