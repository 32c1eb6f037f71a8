"""What the settings say to a client: where the services listen, whom to trust, who is calling.

DESKHOLD_BROKER_ADDRESS and DESKHOLD_RBAC_ADDRESS are `host:port`, DESKHOLD_CA_FILE is a PEM file,
DESKHOLD_TOKEN_FILE holds the bearer token. The token is read before each call, so that signing in
again reaches a client that is open.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from deskhold import errors
from deskhold.channel import Endpoint


def endpoint(settings: Mapping[str, str], address: str) -> Endpoint | None:
    """Return the endpoint whose address is the given setting; None when it is not set."""
    if address not in settings or "DESKHOLD_CA_FILE" not in settings:
        return None
    token_file = Path(settings["DESKHOLD_TOKEN_FILE"])
    return Endpoint(
        address=settings[address],
        ca_file=settings["DESKHOLD_CA_FILE"],
        token=lambda: _read_token(token_file),
    )


def _read_token(path: Path) -> str:
    try:
        token = path.read_text("ascii").strip()
    except FileNotFoundError:
        token = ""
    except (OSError, UnicodeDecodeError) as error:
        raise errors.Unauthenticated(
            f"the token file {path} cannot be read: {error}",
            reason="CREDENTIAL_INVALID",
            metadata={"file": str(path)},
        ) from error
    if not token:
        raise errors.Unauthenticated(
            f"you are not signed in: {path} holds no token",
            reason="CREDENTIAL_MISSING",
            metadata={"file": str(path)},
        )
    return token
