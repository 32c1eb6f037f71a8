"""Tokens of the deployment's own issuer, and such as others might try."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Mapping
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa

from deskhold import issuer
from deskhold.chassis import authn
from deskhold.embedded.paths import Home

ISSUER, AUDIENCE = "https://deskhold.local", "deskhold"


class Tokens:
    """Signs tokens with the issuer's key, whatever they say."""

    def __init__(self, home: Home) -> None:
        self.key: Any = issuer.load_key(home.issuer_key_file)
        self.key_id = issuer.thumbprint(self.key.public_key())
        self.accepted = authn.Issuer.read(ISSUER, AUDIENCE, home.jwks_file)

    def claims(self, user: str = "alice@contoso.com") -> dict[str, Any]:
        now = int(time.time())
        return {
            "iss": ISSUER,
            "aud": AUDIENCE,
            "sub": user,
            "upn": user,
            "groups": [],
            "iat": now,
            "exp": now + 3600,
        }

    def sign(
        self,
        claims: Mapping[str, Any],
        *,
        key: Any = None,
        algorithm: str | None = "RS256",
        key_id: str | None = None,
    ) -> str:
        return jwt.encode(
            dict(claims),
            self.key if key is None else key,
            algorithm=algorithm,
            headers={"kid": self.key_id if key_id is None else key_id},
        )

    def of(self, user: str = "alice@contoso.com", **changes: Any) -> str:
        """Return a token that differs from a good one in some claims; None leaves one out."""
        claims = self.claims(user) | changes
        return self.sign({name: value for name, value in claims.items() if value is not None})


def stranger_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def segment(value: object) -> str:
    """Return one part of a token, as it is encoded."""
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()
