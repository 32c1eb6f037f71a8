"""The deployment's own certificate authority: one root, one leaf per service, all ECDSA P-256.

The certificate that signs `.rdp` files is RSA: EC was not tried with mstsc.

Nothing here touches a file or the clock; `deskhold.embedded.home` keeps what is made.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from ipaddress import ip_address

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

AUTHORITY_LIFETIME = timedelta(days=3652)
LEAF_LIFETIME = timedelta(days=365)
RENEW_BEFORE = timedelta(days=30)

# A certificate that begins this instant is refused where the clock runs behind.
_CLOCK_SKEW = timedelta(minutes=5)
_LOOPBACK = (ip_address("127.0.0.1"), ip_address("::1"))


def new_key() -> ec.EllipticCurvePrivateKey:
    """Return a new private key."""
    return ec.generate_private_key(ec.SECP256R1())


def key_to_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    """Return the key as unencrypted PKCS #8."""
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def key_from_pem(pem: bytes) -> ec.EllipticCurvePrivateKey:
    """Read a key.

    Raises:
        ValueError: It is no unencrypted private key on an elliptic curve.
    """
    try:
        key = load_pem_private_key(pem, password=None)
    except TypeError as error:  # how the library says that a password is needed
        raise ValueError("the private key is encrypted") from error
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise ValueError("it is a private key, but not one on an elliptic curve")
    return key


def certificate_to_pem(certificate: x509.Certificate) -> bytes:
    """Return the certificate as PEM."""
    return certificate.public_bytes(Encoding.PEM)


def certificate_from_pem(pem: bytes) -> x509.Certificate:
    """Read a certificate.

    Raises:
        ValueError: It is none.
    """
    return x509.load_pem_x509_certificate(pem)


def identity_of(service: str) -> str:
    """Return the name under which a service is known to its peers, `spiffe://deskhold/broker`."""
    return f"spiffe://deskhold/{service}"


def new_authority(key: ec.EllipticCurvePrivateKey, now: datetime) -> x509.Certificate:
    """Return a root certificate that signs leaves and nothing below them."""
    name = _named("deskhold embedded authority")
    usage = _key_usage(key_cert_sign=True, crl_sign=True)
    return (
        _begun(name, name, key.public_key(), now, now + AUTHORITY_LIFETIME)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage, critical=True)
        .sign(key, hashes.SHA256())
    )


def new_leaf(
    service: str,
    key: ec.EllipticCurvePrivateKey,
    *,
    authority: x509.Certificate,
    authority_key: ec.EllipticCurvePrivateKey,
    now: datetime,
) -> x509.Certificate:
    """Return a certificate with which a service both answers and dials.

    It answers on this machine, and under the service's own name, which is what a container network
    calls it.
    """
    names = x509.SubjectAlternativeName(
        [
            x509.DNSName("localhost"),
            x509.DNSName(service),
            *map(x509.IPAddress, _LOOPBACK),
            x509.UniformResourceIdentifier(identity_of(service)),
        ]
    )
    purposes = [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
    # A leaf that outlives its authority would be trusted by nobody and never renewed.
    until = min(now + LEAF_LIFETIME, authority.not_valid_after_utc)
    issuer_key = x509.AuthorityKeyIdentifier.from_issuer_public_key(authority_key.public_key())
    return (
        _begun(_named(f"deskhold {service}"), authority.subject, key.public_key(), now, until)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_key_usage(digital_signature=True), critical=True)
        .add_extension(x509.ExtendedKeyUsage(purposes), critical=False)
        .add_extension(names, critical=False)
        .add_extension(issuer_key, critical=False)
        .sign(authority_key, hashes.SHA256())
    )


def new_publisher(
    key: rsa.RSAPrivateKey,
    *,
    authority: x509.Certificate,
    authority_key: ec.EllipticCurvePrivateKey,
    now: datetime,
) -> x509.Certificate:
    """Return a certificate that signs `.rdp` files.

    It has the purposes code signing and server authentication, of which Windows accepts either in a
    publisher (TechNet, "About Digitally Signing RemoteApp Programs"), and no alternative name, so
    no client accepts it from a server. It lasts as long as its authority, because clients
    trust it by its thumbprint, which a renewal would change.
    """
    purposes = [ExtendedKeyUsageOID.CODE_SIGNING, ExtendedKeyUsageOID.SERVER_AUTH]
    until = authority.not_valid_after_utc
    issuer_key = x509.AuthorityKeyIdentifier.from_issuer_public_key(authority_key.public_key())
    return (
        _begun(
            _named("deskhold desktop publisher"), authority.subject, key.public_key(), now, until
        )
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_key_usage(digital_signature=True), critical=True)
        .add_extension(x509.ExtendedKeyUsage(purposes), critical=False)
        .add_extension(issuer_key, critical=False)
        .sign(authority_key, hashes.SHA256())
    )


def is_good_leaf(
    leaf: x509.Certificate,
    *,
    key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey,
    authority: x509.Certificate,
    now: datetime,
) -> bool:
    """Whether the leaf belongs to the key, was signed by the authority, and lasts long enough."""
    if leaf.public_key() != key.public_key() or leaf.not_valid_after_utc - now < RENEW_BEFORE:
        return False
    try:
        leaf.verify_directly_issued_by(authority)
    except (InvalidSignature, ValueError, TypeError):
        return False
    return True


def _named(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _begun(
    subject: x509.Name,
    issuer: x509.Name,
    public_key: ec.EllipticCurvePublicKey | rsa.RSAPublicKey,
    now: datetime,
    until: datetime,
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public_key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _CLOCK_SKEW)
        .not_valid_after(until)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), critical=False)
    )


def _key_usage(
    *, digital_signature: bool = False, key_cert_sign: bool = False, crl_sign: bool = False
) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=digital_signature,
        key_cert_sign=key_cert_sign,
        crl_sign=crl_sign,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )
