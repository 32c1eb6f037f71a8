"""Signed `.rdp` files, in the form that rdpsign.exe writes.

The properties that a signature covers, in a fixed order, ended by a NUL and in UTF-16LE, are signed
with a detached CMS without attributes; behind a prefix of three numbers and in base64 it becomes
the last line. Microsoft does not publish the format; the open signers of `.rdp` files agree on it.
The tests verify it with OpenSSL; mstsc was not tried.
"""

from __future__ import annotations

import base64
import re
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.hashes import SHA1, SHA256
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key
from cryptography.hazmat.primitives.serialization.pkcs7 import PKCS7Options, PKCS7SignatureBuilder

from broker_service.collections.rdp_properties import SIGNED

_PREFIX: Final = (0x00010001, 1)
_KEY: Final = re.compile(
    rb"-----BEGIN [A-Z ]*PRIVATE KEY-----.+?-----END [A-Z ]*PRIVATE KEY-----", re.S
)


@dataclass(frozen=True, slots=True)
class Publisher:
    """The certificate that signs files, with the fingerprints by which clients trust it.

    Attributes:
        subject: Its subject, as RFC 4514 writes it.
        sha1_thumbprint: SHA-1 of the certificate, in upper-case hexadecimal digits.
        sha256_thumbprint: SHA-256 of the certificate, likewise.
        expires_us: When it expires, in microseconds since the epoch.
        certificates: The certificate and the chain above it, PEM.
    """

    subject: str
    sha1_thumbprint: str
    sha256_thumbprint: str
    expires_us: int
    certificates: str


class Signer:
    """Signs files with a certificate that the clients trust.

    Args:
        file: PEM: the certificate, the chain above it, and its RSA or EC key.

    Raises:
        ValueError: It holds no certificate or no key, or they do not belong together.
        OSError: It cannot be read.
    """

    def __init__(self, file: Path) -> None:
        content = file.read_bytes()
        self._certificate, *self._chain = x509.load_pem_x509_certificates(content)
        found = _KEY.search(content)
        if found is None or b"ENCRYPTED" in found[0]:
            raise ValueError("holds no private key in PEM, or one behind a password")
        key = load_pem_private_key(found[0], password=None)
        if not isinstance(key, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey):
            raise ValueError("holds neither an RSA nor an EC key")
        if key.public_key() != self._certificate.public_key():
            raise ValueError("holds a key that is not that of its first certificate")
        self._key = key

    @property
    def publisher(self) -> Publisher:
        """The certificate that signs."""
        chain = (self._certificate, *self._chain)
        return Publisher(
            subject=self._certificate.subject.rfc4514_string(),
            # Windows names a certificate by its SHA-1; nothing is proven by it here.
            sha1_thumbprint=self._certificate.fingerprint(SHA1()).hex().upper(),  # noqa: S303
            sha256_thumbprint=self._certificate.fingerprint(SHA256()).hex().upper(),
            expires_us=int(self._certificate.not_valid_after_utc.timestamp()) * 1_000_000,
            certificates=b"".join(one.public_bytes(Encoding.PEM) for one in chain).decode(),
        )

    def sign(self, content: str) -> str:
        """Return a file with its scope and signature; takes about a millisecond with RSA."""
        lines = {line.partition(":")[0].lower(): line for line in content.split("\r\n") if line}
        signed = {name: lines[name.lower()] for name in SIGNED if name.lower() in lines}
        scope = "signscope:s:" + ",".join(signed)
        text = "\r\n".join([*signed.values(), scope]) + "\r\n\x00"
        builder = PKCS7SignatureBuilder().set_data(text.encode("utf-16-le"))
        builder = builder.add_signer(self._certificate, self._key, SHA256())
        for one in self._chain:
            builder = builder.add_certificate(one)
        cms = builder.sign(
            Encoding.DER,
            [PKCS7Options.DetachedSignature, PKCS7Options.NoAttributes, PKCS7Options.Binary],
        )
        blob = struct.pack("<III", *_PREFIX, len(cms)) + cms
        return f"{content}{scope}\r\nsignature:s:{base64.b64encode(blob).decode()}\r\n"


def optional_signer(text: str) -> Signer | None:
    """Return the signer of a setting that names a file, or None when it is empty."""
    return Signer(Path(text)) if text else None
