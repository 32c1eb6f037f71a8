"""The local issuer's tokens are what any OIDC verifier expects."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
)

from deskhold import errors, issuer

KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
ISSUER = issuer.Issuer("https://deskhold.local", "deskhold", KEY)


def pem(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def test_a_token_verifies_with_the_published_keys_and_says_who() -> None:
    token = issuer.sign(ISSUER, "CONTOSO\\alice", groups=["g-1"])

    published = jwt.PyJWKSet.from_dict(issuer.public_jwks(KEY))
    key = published[jwt.get_unverified_header(token)["kid"]]
    claims = jwt.decode(
        token, key, algorithms=["RS256"], audience="deskhold", issuer="https://deskhold.local"
    )
    assert (claims["sub"], claims["upn"]) == ("CONTOSO\\alice", "CONTOSO\\alice")
    assert claims["groups"] == ["g-1"]
    assert claims["exp"] - claims["iat"] == 12 * 3600
    assert claims["nbf"] <= claims["iat"]


def test_times_count_from_now() -> None:
    token = issuer.sign(ISSUER, "a@b.c", lifetime=timedelta(minutes=5), now=1_000_000)

    claims = jwt.decode(token, options={"verify_signature": False})
    assert (claims["iat"], claims["exp"]) == (1_000_000, 1_000_300)


def test_no_two_tokens_are_the_same() -> None:
    assert issuer.sign(ISSUER, "a@b.c", now=1) != issuer.sign(ISSUER, "a@b.c", now=1)


def test_the_thumbprint_is_that_of_rfc_7638() -> None:
    jwk = {
        "kty": "RSA",
        "n": "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6"
        "tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65"
        "YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdk"
        "t-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDK"
        "gw",
        "e": "AQAB",
    }
    public = jwt.PyJWK.from_json(json.dumps(jwk), algorithm="RS256").key

    assert issuer.thumbprint(public) == "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"


def test_the_published_keys_hold_nothing_secret() -> None:
    (key,) = issuer.public_jwks(KEY)["keys"]

    assert set(key) == {"kty", "n", "e", "use", "alg", "kid"}
    assert issuer.public_jwks(KEY.public_key()) == issuer.public_jwks(KEY)


def test_a_key_is_read_from_its_file(tmp_path: Path) -> None:
    (tmp_path / "issuer").write_bytes(pem(KEY))

    assert issuer.load_key(tmp_path / "issuer").private_numbers() == KEY.private_numbers()


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (None, "No such file"),
        (b"garbage", "no unencrypted PEM private key"),
        (pem(ec.generate_private_key(ec.SECP256R1())), "no RSA key"),
    ],
)
def test_a_key_that_cannot_be_used_is_named(
    tmp_path: Path, content: bytes | None, why: str
) -> None:
    path = tmp_path / "issuer"
    if content is not None:
        path.write_bytes(content)

    with pytest.raises(errors.FailedPrecondition, match=why) as caught:
        issuer.load_key(path)

    assert caught.value.metadata == {"file": str(path)}
