"""Who is calling: a bearer token for people, a certificate for services. Nobody is anonymous.

Tokens are RS256 or ES256 JSON Web Tokens of one issuer, checked against its key set (RFC 7519, RFC
7517). A verified token is remembered by its hash for at most a minute and never past its end,
because verifying costs more than the rest of the call together. A certificate names its service in
a URI SAN (`spiffe://deskhold/broker`).
"""

from __future__ import annotations

import hashlib
import json
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Protocol

import jwt
from google.protobuf.message import Message

from deskhold.chassis.calls import Call, Caller, Handler, Layer, Method
from deskhold.errors import InvalidArgument, Unauthenticated
from deskhold.identities import Domains, Principal, PrincipalKind

_ALGORITHMS = ("RS256", "ES256")
_CLOCK_SKEW_SECONDS = 30
_REMEMBER_SECONDS = 60.0
_REMEMBER_TOKENS = 4096
_REMEMBER_SERVICES = 256
_MAX_GROUPS = 256
_LAST_SECOND = 253_402_300_799  # of the year 9999, the last that a timestamp of protobuf can have


@dataclass(frozen=True, slots=True)
class Issuer:
    """The one issuer whose tokens are accepted.

    Attributes:
        name: The `iss` claim.
        audience: The `aud` claim.
        keys: The key set, by key id.
    """

    name: str
    audience: str
    keys: dict[str, jwt.PyJWK]

    @classmethod
    def read(cls, name: str, audience: str, jwks_file: Path) -> Issuer:
        """Read the key set from a file.

        Raises:
            ValueError: The file holds no key set, or a key without an id; names the file.
            OSError: It cannot be read.
        """
        try:
            keys = jwt.PyJWKSet.from_dict(json.loads(jwks_file.read_text("utf-8"))).keys
        # What is JSON of another shape breaks the library in ways of its own.
        except (ValueError, TypeError, AttributeError, jwt.PyJWTError) as error:
            raise ValueError(
                f"{jwks_file} holds no JSON Web Key Set with a key that can be used: {error}"
            ) from error
        if any(not key.key_id for key in keys):
            raise ValueError(f"{jwks_file} holds a key without 'kid'")
        return cls(name, audience, {str(key.key_id): key for key in keys})


class TokenVerifier:
    """Turns bearer tokens into callers.

    Args:
        issuer: Whose tokens are accepted.
        domains: The deployment's domains, to fold user names.
        clock: Seconds since the epoch.
    """

    def __init__(
        self, issuer: Issuer, domains: Domains, clock: Callable[[], float] = time.time
    ) -> None:
        self._issuer = issuer
        self._domains = domains
        self._clock = clock
        self._remembered: OrderedDict[bytes, tuple[float, Caller]] = OrderedDict()

    def accept(self, issuer: Issuer) -> None:
        """Accept the tokens of an issuer, and no others, from now on.

        Those that were verified before are verified anew: their key may be gone.
        """
        self._issuer = issuer
        self._remembered.clear()

    def verify(self, token: str) -> Caller:
        """Return the caller a token was issued to.

        Raises:
            Unauthenticated: It has expired, or was not issued by this issuer for this audience.
        """
        digest = hashlib.sha256(token.encode()).digest()
        known = self._remembered.get(digest)
        now = self._clock()
        if known is not None and now < known[0]:
            return known[1]
        caller = self._decode(token)
        # Only successes are remembered: a flood of bad tokens must not push the good ones out.
        self._remembered[digest] = (min(now + _REMEMBER_SECONDS, caller.expires_at or now), caller)
        if len(self._remembered) > _REMEMBER_TOKENS:
            self._remembered.popitem(last=False)
        return caller

    def _decode(self, token: str) -> Caller:
        try:
            key = self._issuer.keys[str(jwt.get_unverified_header(token).get("kid"))]
            claims = jwt.decode(
                token,
                key=key,
                algorithms=_ALGORITHMS,
                audience=self._issuer.audience,
                issuer=self._issuer.name,
                leeway=_CLOCK_SKEW_SECONDS,
                options={"require": ["exp", "iat", "iss", "aud", "sub"]},
            )
        except jwt.ExpiredSignatureError:
            raise Unauthenticated(
                "the token has expired; sign in again: deskhold login --user YOU",
                reason="CREDENTIAL_EXPIRED",
            ) from None
        # Before its signature is checked a token may hold any JSON: nested without end, numbers
        # without end, other types than RFC 7519 has; the library lets Python's own errors through.
        except (jwt.PyJWTError, KeyError, TypeError, ValueError, OverflowError, RecursionError):
            raise Unauthenticated(
                "the token was not issued for this deployment;"
                " sign in again: deskhold login --user YOU"
            ) from None
        return self._caller(claims)

    def _caller(self, claims: dict[str, Any]) -> Caller:
        user = claims.get("upn") or claims["sub"]
        if not isinstance(user, str):
            raise Unauthenticated("the token's 'upn' is no text")
        groups = claims.get("groups", [])
        if (
            not isinstance(groups, list)
            or len(groups) > _MAX_GROUPS
            or not all(isinstance(one, str) for one in groups)
        ):
            raise Unauthenticated(f"the token's 'groups' is no list of at most {_MAX_GROUPS} ids")
        if not 0 <= claims["exp"] <= _LAST_SECOND:
            raise Unauthenticated("the token's 'exp' is no time before the year 10000")
        group_ids = tuple(groups)
        principal = Principal(PrincipalKind.USER, user)
        try:
            key = self._domains.key(principal, field="upn")
            for group_id in group_ids:
                self._domains.key(Principal(PrincipalKind.GROUP, group_id), field="groups")
        except InvalidArgument as error:
            raise Unauthenticated(f"the token names no principal: {error.message}") from None
        return Caller(principal, key, group_ids, float(claims["exp"]))


class Authenticator(Protocol):
    """Says who is calling."""

    def authenticate(self, call: Call) -> Caller:
        """Return the caller.

        Raises:
            Unauthenticated: The call carries no credential, or not a good one.
        """


class Credentials:
    """Reads the caller from the bearer token, or without one from the client certificate.

    Args:
        tokens: Verifies bearer tokens.
        domains: The deployment's domains.
    """

    def __init__(self, tokens: TokenVerifier, domains: Domains) -> None:
        self._tokens = tokens
        self._domains = domains
        self._service = lru_cache(_REMEMBER_SERVICES)(self._name)

    def authenticate(self, call: Call) -> Caller:
        """Return the caller; a token says more than the connection it came over."""
        for key, value in call.metadata:
            if key == "authorization":
                scheme, _, token = str(value).partition(" ")
                if scheme.lower() != "bearer":
                    raise Unauthenticated("the authorization metadata is not 'Bearer TOKEN'")
                return self._tokens.verify(token)
        for uri in call.context.auth_context().get("peer_spiffe_id", ()):
            return self._service(uri)
        raise Unauthenticated(
            "the call carries neither a bearer token nor a client certificate that names a service;"
            " sign in: deskhold login --user YOU",
            reason="CREDENTIAL_MISSING",
        )

    def _name(self, uri: bytes) -> Caller:
        principal = Principal(PrincipalKind.SERVICE_PRINCIPAL, uri.decode())
        return Caller(principal, self._domains.key(principal))


def layer(authenticator: Authenticator) -> Layer:
    """Return the layer that learns the caller of every call."""

    def wrap(_: Method, handler: Handler) -> Handler:
        async def authenticated(request: Message, call: Call) -> Message:
            call.caller = authenticator.authenticate(call)
            return await handler(request, call)

        return authenticated

    return wrap
