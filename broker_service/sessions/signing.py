"""Signed `.rdp` files, as `rdpsign` makes them (research/rds.md 7).

What matters of a file, in a fixed order, ended by a NUL and in UTF-16, is signed with a detached
CMS without attributes; behind a prefix of three numbers and in base64 it becomes the last line.
"""

from __future__ import annotations

import base64
import re
import struct
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key
from cryptography.hazmat.primitives.serialization.pkcs7 import PKCS7Options, PKCS7SignatureBuilder

_PREFIX: Final = (0x00010001, 1)
_KEY: Final = re.compile(
    rb"-----BEGIN [A-Z ]*PRIVATE KEY-----.+?-----END [A-Z ]*PRIVATE KEY-----", re.S
)
# The settings that are signed, in the order in which they are, with their names in `signscope`.
_SIGNED: Final = {
    name.lower(): name
    for name in (
        "Full Address",
        "Alternate Full Address",
        "Use Redirection Server Name",
        "Server Port",
        "Negotiate Security Layer",
        "EnableCredSspSupport",
        "DisableConnectionSharing",
        "AutoReconnection Enabled",
        "GatewayHostname",
        "GatewayUsageMethod",
        "GatewayProfileUsageMethod",
        "GatewayCredentialsSource",
        "Support URL",
        "PromptCredentialOnce",
        "Alternate Shell",
        "Shell Working Directory",
        "RemoteApplicationProgram",
        "RemoteApplicationExpandWorkingdir",
        "RemoteApplicationMode",
        "RemoteApplicationGuid",
        "RemoteApplicationName",
        "RemoteApplicationIcon",
        "RemoteApplicationFile",
        "RemoteApplicationFileExtensions",
        "RemoteApplicationCmdLine",
        "RemoteApplicationExpandCmdLine",
        "Prompt For Credentials",
        "Authentication Level",
        "AudioMode",
        "RedirectDrives",
        "RedirectPrinters",
        "RedirectCOMPorts",
        "RedirectSmartCards",
        "RedirectPOSDevices",
        "RedirectClipboard",
        "DevicesToRedirect",
        "DrivesToRedirect",
        "LoadBalanceInfo",
        "RedirectDirectX",
        "RDGIsKDCProxy",
        "KDCProxyName",
        "EventLogUploadAddress",
    )
}


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

    def sign(self, content: str) -> str:
        """Return a file with its scope and signature; about a millisecond of work."""
        lines = {line.partition(":")[0].lower(): line for line in content.split("\r\n") if line}
        signed = [name for name in _SIGNED if name in lines]
        scope = "signscope:s:" + ",".join(_SIGNED[name] for name in signed)
        text = "\r\n".join([*(lines[name] for name in signed), scope]) + "\r\n\x00"
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
