"""Who is not signed in, or not well, is told what to type."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from deskhold import issuer
from tests.journeys.pair import OWNER, Pair


def expired(signer: issuer.Issuer) -> str:
    return issuer.sign(signer, OWNER, lifetime=timedelta(hours=-1))


def by_a_stranger(signer: issuer.Issuer) -> str:
    stranger = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return issuer.sign(replace(signer, key=stranger), OWNER)


def for_another_deployment(signer: issuer.Issuer) -> str:
    return issuer.sign(replace(signer, audience="elsewhere"), OWNER)


def of_another_issuer(signer: issuer.Issuer) -> str:
    return issuer.sign(replace(signer, issuer="https://elsewhere.example"), OWNER)


def changed_by_hand(signer: issuer.Issuer) -> str:
    head, _, signature = issuer.sign(signer, "guest@contoso.com").split(".")
    return ".".join((head, issuer.sign(signer, OWNER).split(".")[1], signature))


def no_token(_: issuer.Issuer) -> str:
    return "no token at all"


def empty(_: issuer.Issuer) -> str:
    return ""


BAD_TOKENS = {
    expired: ("CREDENTIAL_EXPIRED", "the token has expired"),
    by_a_stranger: ("CREDENTIAL_INVALID", "not issued for this deployment"),
    for_another_deployment: ("CREDENTIAL_INVALID", "not issued for this deployment"),
    of_another_issuer: ("CREDENTIAL_INVALID", "not issued for this deployment"),
    changed_by_hand: ("CREDENTIAL_INVALID", "not issued for this deployment"),
    no_token: ("CREDENTIAL_INVALID", "not issued for this deployment"),
    empty: ("CREDENTIAL_MISSING", "you are not signed in"),
}


@pytest.mark.parametrize("make", BAD_TOKENS)
def test_a_bad_token_is_refused_by_both_services_with_the_command_that_repairs_it(
    pair: Pair, make: object
) -> None:
    assert callable(make)
    reason, message = BAD_TOKENS[make]
    token = pair.keep_token("bad", make(pair.issuer))

    for words in (("whoami",), ("collection", "list")):
        done = pair.deskhold(*words, signed_in_as=token)

        assert done.returncode == 4
        assert done.stdout == ""
        assert f"reason: {reason}" in done.stderr
        assert message in done.stderr
        assert "deskhold login --user" in done.stderr


def test_without_a_token_file_nothing_is_sent_and_the_file_is_named(pair: Pair) -> None:
    absent = pair.home.path / "nobody.token"

    done = pair.deskhold("collection", "list", signed_in_as=absent)

    assert done.returncode == 4
    assert f"you are not signed in: {absent} holds no token" in done.stderr
    assert "deskhold login --user" in done.stderr


def test_the_first_owner_is_named_once(pair: Pair) -> None:
    again = pair.deskhold("bootstrap", "--owner", "mallory@contoso.com")
    mallory = pair.deskhold("role-assignment", "list", signed_in_as="mallory@contoso.com")

    assert again.returncode == 1
    assert "ALREADY_BOOTSTRAPPED" in again.stderr
    assert "deskhold role-assignment create --role 'RDS Owner'" in again.stderr
    assert mallory.returncode == 4
    listed = pair.deskhold("role-assignment", "list", "-o", "csv").stdout
    assert OWNER in listed
    assert "mallory" not in listed


def test_both_forms_of_a_name_are_one_user(pair: Pair) -> None:
    done = pair.deskhold("can-i", "deskhold.resources/hosts/write", signed_in_as="CONTOSO\\Admin")

    assert done.returncode == 0
    assert done.stdout.startswith("yes, by roleAssignments/")
