from __future__ import annotations

import base64
import hmac
import json
import time
from collections.abc import Callable
from pathlib import Path

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from jwt.algorithms import ECAlgorithm

from deskhold.chassis.authn import Issuer, TokenVerifier
from deskhold.embedded.paths import Home
from deskhold.errors import Unauthenticated
from deskhold.identities import Domains, Principal, PrincipalKind
from tests.deskhold.chassis.tokens import AUDIENCE, ISSUER, Tokens, segment, stranger_key

DOMAINS = Domains.parse("CONTOSO=contoso.com")


@pytest.fixture(scope="module")
def tokens(laid: Home) -> Tokens:
    return Tokens(laid)


@pytest.fixture
def verifier(tokens: Tokens) -> TokenVerifier:
    return TokenVerifier(tokens.accepted, DOMAINS)


def test_a_token_of_the_issuer_names_the_caller(tokens: Tokens, verifier: TokenVerifier) -> None:
    expires = int(time.time()) + 60

    caller = verifier.verify(tokens.of("CONTOSO\\Alice", groups=["g-1", "g-2"], exp=expires))

    assert caller.principal == Principal(PrincipalKind.USER, "CONTOSO\\Alice")
    assert caller.key == "user:alice@contoso.com"
    assert caller.group_ids == ("g-1", "g-2")
    assert caller.expires_at == expires


def test_a_token_without_a_user_principal_name_names_its_subject(
    tokens: Tokens, verifier: TokenVerifier
) -> None:
    assert verifier.verify(tokens.of("bob@contoso.com", upn=None)).key == "user:bob@contoso.com"


def test_a_token_for_several_audiences_is_accepted(tokens: Tokens, verifier: TokenVerifier) -> None:
    assert verifier.verify(tokens.of(aud=["elsewhere", AUDIENCE])).key == "user:alice@contoso.com"


def test_the_clocks_of_issuer_and_service_may_differ_by_half_a_minute(
    tokens: Tokens, verifier: TokenVerifier
) -> None:
    now = int(time.time())

    assert verifier.verify(tokens.of(exp=now - 15)).expires_at == now - 15
    assert verifier.verify(tokens.of(iat=now + 15, nbf=now + 15)).key == "user:alice@contoso.com"


def test_an_expired_token_says_so(tokens: Tokens, verifier: TokenVerifier) -> None:
    with pytest.raises(Unauthenticated) as refused:
        verifier.verify(tokens.of(exp=int(time.time()) - 31))

    assert refused.value.reason == "CREDENTIAL_EXPIRED"


def unsigned(tokens: Tokens) -> str:
    return jwt.encode(tokens.claims(), "", algorithm="none", headers={"kid": tokens.key_id})


def unsigned_after_the_fact(tokens: Tokens) -> str:
    header = segment({"alg": "none", "typ": "JWT", "kid": tokens.key_id})
    return f"{header}.{segment(tokens.claims())}."


def signed_with_the_public_key_as_a_secret(tokens: Tokens) -> str:
    public = tokens.key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    # By hand: PyJWT itself refuses to sign so.
    header = segment({"alg": "HS256", "typ": "JWT", "kid": tokens.key_id})
    signed = f"{header}.{segment(tokens.claims())}"
    mac = hmac.digest(public, signed.encode(), "sha256")
    return f"{signed}.{base64.urlsafe_b64encode(mac).rstrip(b'=').decode()}"


def nested(_: Tokens) -> str:
    header = base64.urlsafe_b64encode(b"[" * 3000).decode()
    return f"{header}.{segment({})}.x"


def with_other_claims_under_the_same_signature(tokens: Tokens) -> str:
    header, _, signature = tokens.of("alice@contoso.com").split(".")
    return f"{header}.{segment(tokens.claims('admin@contoso.com'))}.{signature}"


BAD: dict[str, Callable[[Tokens], str]] = {
    "another audience": lambda t: t.of(aud="elsewhere"),
    "another issuer": lambda t: t.of(iss="https://elsewhere"),
    "the issuer in other letters": lambda t: t.of(iss=ISSUER.upper()),
    "a stranger's key": lambda t: t.sign(t.claims(), key=stranger_key()),
    "a stranger's key and key id": lambda t: t.sign(t.claims(), key=stranger_key(), key_id="x"),
    "an unknown key id": lambda t: t.sign(t.claims(), key_id="x"),
    "no key id": lambda t: jwt.encode(t.claims(), t.key, algorithm="RS256"),
    "another RSA algorithm": lambda t: t.sign(t.claims(), algorithm="RS512"),
    "a shared secret": lambda t: t.sign(t.claims(), key="s" * 32, algorithm="HS256"),
    "the public key as the secret": signed_with_the_public_key_as_a_secret,
    "no signature": unsigned,
    "its signature removed": unsigned_after_the_fact,
    "other claims": with_other_claims_under_the_same_signature,
    "no end": lambda t: t.of(exp=None),
    "no beginning": lambda t: t.of(iat=None),
    "no subject": lambda t: t.of(sub=None),
    "no audience": lambda t: t.of(aud=None),
    "no issuer": lambda t: t.of(iss=None),
    "a beginning in the future": lambda t: t.of(nbf=int(time.time()) + 120),
    "groups that are no list": lambda t: t.of(groups="admins"),
    "more than 256 groups": lambda t: t.of(groups=[f"g-{n}" for n in range(257)]),
    "a group without an id": lambda t: t.of(groups=[""]),
    "a group that is no text": lambda t: t.of(groups=[{"id": "g-1"}]),
    "a user that is no text": lambda t: t.of(upn=["alice@contoso.com"]),
    "a user that is a number": lambda t: t.of(upn=17),
    "a user with a lone surrogate": lambda t: t.of("a\ud800@contoso.com"),
    "an end of 400 digits": lambda t: t.of(exp=10**400),
    "an end of 4,000 digits": lambda t: t.of(exp=10**4000),
    "an end that is endless": lambda t: t.of(exp=float("inf")),
    "an end in the year 10000": lambda t: t.of(exp=253_402_300_800),
    "an end that is a list": lambda t: t.of(exp=[1]),
    "a beginning that is endless": lambda t: t.of(nbf=float("inf")),
    "a user that is none": lambda t: t.of("alice"),
    "a user with a control character": lambda t: t.of("al\nice@contoso.com"),
    "nothing": lambda _: "",
    "no token at all": lambda _: "open sesame",
    "a header that is no object": lambda _: f"{segment([])}.{segment({})}.x",
    "a header nested too deeply": nested,
}


@pytest.mark.parametrize("why", BAD)
def test_a_token_is_no_credential_with(why: str, tokens: Tokens, verifier: TokenVerifier) -> None:
    with pytest.raises(Unauthenticated) as refused:
        verifier.verify(BAD[why](tokens))

    assert refused.value.reason == "CREDENTIAL_INVALID"


def test_a_verified_token_is_remembered_for_a_minute(tokens: Tokens) -> None:
    start = time.time()
    now = [start]
    forgetful = Issuer(ISSUER, AUDIENCE, dict(tokens.accepted.keys))
    verifier = TokenVerifier(forgetful, DOMAINS, lambda: now[0])
    token = tokens.of()
    caller = verifier.verify(token)
    forgetful.keys.clear()  # so that only what is remembered passes

    now[0] = start + 59
    assert verifier.verify(token) is caller
    now[0] = start + 60
    with pytest.raises(Unauthenticated):
        verifier.verify(token)


def test_a_verified_token_is_never_remembered_past_its_end(tokens: Tokens) -> None:
    start = int(time.time())
    now = [float(start)]
    forgetful = Issuer(ISSUER, AUDIENCE, dict(tokens.accepted.keys))
    verifier = TokenVerifier(forgetful, DOMAINS, lambda: now[0])
    token = tokens.of(exp=start + 20)
    caller = verifier.verify(token)
    forgetful.keys.clear()

    now[0] = start + 19.9
    assert verifier.verify(token) is caller
    now[0] = start + 20
    with pytest.raises(Unauthenticated):
        verifier.verify(token)


def test_a_flood_of_bad_tokens_pushes_no_good_one_out(tokens: Tokens) -> None:
    forgetful = Issuer(ISSUER, AUDIENCE, dict(tokens.accepted.keys))
    verifier = TokenVerifier(forgetful, DOMAINS)
    token = tokens.of()
    caller = verifier.verify(token)
    forgetful.keys.clear()

    for number in range(5000):
        with pytest.raises(Unauthenticated):
            verifier.verify(f"bad.{number}")

    assert verifier.verify(token) is caller


def test_a_key_set_whose_keys_have_no_ids_is_refused(laid: Home, tmp_path: Path) -> None:
    keys = json.loads(laid.jwks_file.read_text())
    del keys["keys"][0]["kid"]
    file = tmp_path / "jwks.json"
    file.write_text(json.dumps(keys))

    with pytest.raises(ValueError, match="without 'kid'"):
        Issuer.read(ISSUER, AUDIENCE, file)


def test_a_key_on_an_elliptic_curve_signs_es256_tokens_only(tokens: Tokens, tmp_path: Path) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    jwk = json.loads(ECAlgorithm.to_jwk(key.public_key())) | {"kid": "curve", "alg": "ES256"}
    file = tmp_path / "jwks.json"
    file.write_text(json.dumps({"keys": [jwk]}))
    verifier = TokenVerifier(Issuer.read(ISSUER, AUDIENCE, file), DOMAINS)
    good = tokens.sign(tokens.claims(), key=key, algorithm="ES256", key_id="curve")

    assert verifier.verify(good).key == "user:alice@contoso.com"
    for bad in (tokens.sign(tokens.claims(), key_id="curve"), tokens.of()):
        with pytest.raises(Unauthenticated):
            verifier.verify(bad)
