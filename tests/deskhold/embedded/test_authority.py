from datetime import UTC, datetime, timedelta
from ipaddress import ip_address

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.verification import PolicyBuilder, Store, VerificationError

from deskhold.embedded import authority

NOW = datetime(2026, 6, 1, tzinfo=UTC)
KEY = authority.new_key()
ROOT = authority.new_authority(KEY, NOW)


def leaf(
    service: str = "broker",
    *,
    key: ec.EllipticCurvePrivateKey | None = None,
    now: datetime = NOW,
    root: x509.Certificate = ROOT,
) -> x509.Certificate:
    return authority.new_leaf(
        service, key or authority.new_key(), authority=root, authority_key=KEY, now=now
    )


def verify_as_server(made: x509.Certificate, name: str) -> None:
    subject: x509.DNSName | x509.IPAddress = x509.DNSName(name)
    if not name.isalpha():
        subject = x509.IPAddress(ip_address(name))
    verifier = PolicyBuilder().store(Store([ROOT])).time(NOW).build_server_verifier(subject)
    verifier.verify(made, [])


@pytest.mark.parametrize("name", ["localhost", "127.0.0.1", "::1", "broker"])
def test_a_strict_verifier_accepts_a_leaf_under_every_local_name_and_its_own(name: str) -> None:
    verify_as_server(leaf("broker"), name)


def test_a_strict_verifier_refuses_a_leaf_under_the_name_of_another_service() -> None:
    with pytest.raises(VerificationError):
        verify_as_server(leaf("broker"), "rbac")


def test_a_strict_verifier_accepts_a_leaf_as_the_client_that_its_uri_names() -> None:
    verifier = PolicyBuilder().store(Store([ROOT])).time(NOW).build_client_verifier()

    verified = verifier.verify(leaf("rbac"), [])

    assert verified.subjects is not None
    assert x509.UniformResourceIdentifier("spiffe://deskhold/rbac") in verified.subjects


def test_a_strict_verifier_refuses_what_a_leaf_signed() -> None:
    middle_key = authority.new_key()
    middle = leaf(key=middle_key)
    forged = authority.new_leaf(
        "broker", authority.new_key(), authority=middle, authority_key=middle_key, now=NOW
    )
    verifier = PolicyBuilder().store(Store([ROOT])).time(NOW).build_client_verifier()

    with pytest.raises(VerificationError):
        verifier.verify(forged, [middle])


def test_a_leaf_is_good_until_thirty_days_before_its_end() -> None:
    key = authority.new_key()
    made = leaf(key=key)
    last_good = made.not_valid_after_utc - timedelta(days=30)

    def is_good(now: datetime) -> bool:
        return authority.is_good_leaf(made, key=key, authority=ROOT, now=now)

    assert is_good(NOW)
    assert is_good(last_good)
    assert not is_good(last_good + timedelta(seconds=1))


def test_a_leaf_is_not_good_with_another_key_or_under_another_authority() -> None:
    key = authority.new_key()
    made = leaf(key=key)
    stranger = authority.new_authority(authority.new_key(), NOW)

    assert not authority.is_good_leaf(made, key=authority.new_key(), authority=ROOT, now=NOW)
    assert not authority.is_good_leaf(made, key=key, authority=stranger, now=NOW)


def test_a_leaf_does_not_outlive_its_authority() -> None:
    late = ROOT.not_valid_after_utc - timedelta(days=60)

    assert leaf(now=late).not_valid_after_utc == ROOT.not_valid_after_utc
