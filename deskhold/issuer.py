"""The local issuer: signs the tokens of a deployment that has no identity provider of its own.

RS256 only; the key lies in one PEM file of the state directory. Who may read
that file can be anybody.
"""

from __future__ import annotations

import base64
import hashlib
import json
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from deskhold import errors

ALGORITHM = "RS256"
LIFETIME = timedelta(hours=12)
# Services whose clock is behind ours must not find the token "not yet valid".
_CLOCK_SKEW_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Issuer:
    """Who signs, for whom, with what.

    Attributes:
        issuer: The `iss` of its tokens; a URL by custom.
        audience: The `aud`: the deployment they are for.
        key: The private key.
    """

    issuer: str
    audience: str
    key: rsa.RSAPrivateKey


def load_key(path: str | Path) -> rsa.RSAPrivateKey:
    """Return the private key in a PEM file.

    Raises:
        FailedPrecondition: The file is absent or unreadable, or holds no RSA key
            (ISSUER_KEY_UNUSABLE).
    """
    try:
        key = load_pem_private_key(Path(path).read_bytes(), password=None)
        if isinstance(key, rsa.RSAPrivateKey):
            return key
        why = "it holds no RSA key"
    except OSError as error:
        why = error.strerror or "it cannot be read"
    except (ValueError, TypeError):
        why = "it is no unencrypted PEM private key"
    raise errors.FailedPrecondition(
        f"the local issuer's key {path} cannot be used: {why}",
        reason="ISSUER_KEY_UNUSABLE",
        metadata={"file": str(path)},
    )


def sign(
    issuer: Issuer,
    user: str,
    *,
    groups: Sequence[str] = (),
    lifetime: timedelta = LIFETIME,
    now: float | None = None,
) -> str:
    r"""Return a token (RFC 7519) for a user.

    Args:
        issuer: Who signs.
        user: `DOMAIN\user` or `user@domain`, as the deployment is to see it.
        groups: Ids of groups the user is in.
        lifetime: From now to `exp`.
        now: Seconds since the epoch; the clock's when not given.
    """
    now_seconds = int(time.time() if now is None else now)
    claims = {
        "iss": issuer.issuer,
        "aud": issuer.audience,
        "sub": user,
        "upn": user,
        "groups": list(groups),
        "iat": now_seconds,
        "nbf": now_seconds - _CLOCK_SKEW_SECONDS,
        "exp": now_seconds + int(lifetime.total_seconds()),
        "jti": str(uuid.uuid4()),
    }
    key_id = thumbprint(issuer.key.public_key())
    return jwt.encode(claims, issuer.key, algorithm=ALGORITHM, headers={"kid": key_id})


def public_jwks(key: rsa.RSAPrivateKey | rsa.RSAPublicKey) -> dict[str, list[dict[str, str]]]:
    """Return the JWK set (RFC 7517) with which the tokens are verified; nothing secret is in it."""
    public = key.public_key() if isinstance(key, rsa.RSAPrivateKey) else key
    own = {"use": "sig", "alg": ALGORITHM, "kid": thumbprint(public)}
    return {"keys": [_members(public) | own]}


def thumbprint(key: rsa.RSAPublicKey) -> str:
    """Return the key's SHA-256 thumbprint (RFC 7638), which is its `kid`."""
    canonical = json.dumps(_members(key), sort_keys=True, separators=(",", ":"))
    return _base64url(hashlib.sha256(canonical.encode()).digest())


def _members(key: rsa.RSAPublicKey) -> dict[str, str]:
    numbers = key.public_numbers()
    return {"kty": "RSA", "n": _unsigned(numbers.n), "e": _unsigned(numbers.e)}


def _unsigned(number: int) -> str:
    return _base64url(number.to_bytes((number.bit_length() + 7) // 8, "big"))


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
