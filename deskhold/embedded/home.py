"""Laying out the state directory: everything the deployment keeps besides its databases."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from deskhold import issuer
from deskhold.embedded import authority, files, settings_file
from deskhold.embedded.paths import SERVICES, Home
from deskhold.errors import FailedPrecondition, InvalidArgument

_Read = TypeVar("_Read")

# rbac takes two more ports after the broker's, and 65535 is the last one there is.
_LAST_BASE_PORT = 65533
_PAGE_KEY_BYTES = 32
_RSA_KEY_BITS = 2048


def lay_out(home: Path, base_port: int, *, now: datetime | None = None) -> Home:
    """Make what the state directory lacks; safe to repeat, to kill, and to run twice at once.

    Each file appears whole or not at all, readable by its owner only. What exists is kept, keys
    always; only what is derived from them is made again when it must be: a certificate that expires
    within 30 days or does not fit its key or the authority, and a JWKS without the issuer's key.
    `base_port` only counts the first time, when the settings are written.

    Args:
        home: The state directory; made when it is not there.
        base_port: The broker's port; rbac takes the next for people, the one after for services.
        now: The time certificates are judged by and start from; the clock's when left out.

    Returns:
        The paths of the completed directory.

    Raises:
        FailedPrecondition: A key or certificate that is needed is missing or cannot be read.
        InvalidArgument: The port or the path cannot be written into the settings.
        OSError: The directory cannot be written.
    """
    laid = Home(home.resolve())
    moment = now or datetime.now(UTC)
    _refuse_unwritable(laid, base_port)
    for directory in _directories(laid):
        files.make_directory(directory)
    with files.locked(laid.layout_lock):
        root = _lay_authority(laid, moment)
        for service in SERVICES:
            _lay_leaf(laid, service, root, moment)
        _lay_publisher(laid, root, moment)
        _lay_issuer(laid)
        files.make_once(laid.page_key_file, lambda: secrets.token_hex(_PAGE_KEY_BYTES).encode())
        # Last, so that whoever finds settings also finds every file they name.
        files.make_once(laid.settings_file, lambda: settings_file.text(laid, base_port).encode())
    return laid


def _refuse_unwritable(home: Home, base_port: int) -> None:
    if not 0 < base_port <= _LAST_BASE_PORT:
        raise InvalidArgument(
            f"the base port is {base_port}; choose one between 1 and {_LAST_BASE_PORT}",
            reason="PORT_INVALID",
            metadata={"base_port": str(base_port)},
        )
    # A question mark begins the options of a database URL, a line break ends a setting.
    if "?" in str(home.path) or not str(home.path).isprintable():
        raise InvalidArgument(
            f"the path of the state directory {str(home.path)!r} holds a question mark or an"
            " unprintable character; choose another with DESKHOLD_HOME",
            reason="HOME_UNUSABLE",
            metadata={"home": str(home.path)},
        )


def _directories(home: Home) -> tuple[Path, ...]:
    inner = (
        home.ca_file,
        home.tls_file(SERVICES[0]),
        home.rdp_signing_file,
        home.jwks_file,
        home.page_key_file,
        home.layout_lock,
    )
    return (home.path, *(path.parent for path in inner))


def _lay_authority(home: Home, now: datetime) -> x509.Certificate:
    # The key goes first: a certificate without its key could never sign anything.
    if not home.ca_file.exists():
        files.make_once(home.ca_key_file, lambda: authority.key_to_pem(authority.new_key()))
        root = authority.new_authority(_read(home.ca_key_file, authority.key_from_pem), now)
        files.replace(home.ca_file, authority.certificate_to_pem(root))
    return _read(home.ca_file, authority.certificate_from_pem)


def _lay_leaf(home: Home, service: str, root: x509.Certificate, now: datetime) -> None:
    files.make_once(home.tls_key_file(service), lambda: authority.key_to_pem(authority.new_key()))
    key = _read(home.tls_key_file(service), authority.key_from_pem)
    path = home.tls_file(service)
    if path.exists():
        leaf = _read(path, authority.certificate_from_pem)
        if authority.is_good_leaf(leaf, key=key, authority=root, now=now):
            return
    leaf = authority.new_leaf(
        service, key, authority=root, authority_key=_authority_key(home, root, path), now=now
    )
    files.replace(path, authority.certificate_to_pem(leaf))


def _lay_publisher(home: Home, root: x509.Certificate, now: datetime) -> None:
    path = home.rdp_signing_file
    if path.exists():
        key, certificate = _read(path, _publisher_from_pem)
        if authority.is_good_leaf(certificate, key=key, authority=root, now=now):
            return
    else:
        key = rsa.generate_private_key(public_exponent=65537, key_size=_RSA_KEY_BITS)
    certificate = authority.new_publisher(
        key, authority=root, authority_key=_authority_key(home, root, path), now=now
    )
    chain = b"".join(map(authority.certificate_to_pem, (certificate, root)))
    files.replace(path, chain + _rsa_to_pem(key))


def _publisher_from_pem(pem: bytes) -> tuple[rsa.RSAPrivateKey, x509.Certificate]:
    key = load_pem_private_key(pem[pem.index(b"-----BEGIN PRIVATE KEY") :], password=None)
    if not isinstance(key, rsa.RSAPrivateKey):
        raise ValueError("it holds no RSA key")
    return key, x509.load_pem_x509_certificates(pem)[0]


def _authority_key(
    home: Home, root: x509.Certificate, wanted_for: Path
) -> ec.EllipticCurvePrivateKey:
    """Return the authority's key.

    A missing one is not made anew: nobody who trusts the authority would trust what it signs.
    """
    if not home.ca_key_file.exists():
        raise FailedPrecondition(
            f"{home.ca_key_file} is missing, so {wanted_for} cannot be issued; put it back, or"
            f" remove {home.ca_file.parent} and {wanted_for.parent} to begin with a new authority",
            reason="AUTHORITY_KEY_UNUSABLE",
            metadata={"file": str(home.ca_key_file)},
        )
    key = _read(home.ca_key_file, authority.key_from_pem)
    if key.public_key() != root.public_key():
        raise FailedPrecondition(
            f"{home.ca_key_file} is not the key of {home.ca_file}; put the right one back",
            reason="AUTHORITY_KEY_UNUSABLE",
            metadata={"file": str(home.ca_key_file)},
        )
    return key


def _lay_issuer(home: Home) -> None:
    files.make_once(home.issuer_key_file, _new_issuer_key)
    published = issuer.public_jwks(issuer.load_key(home.issuer_key_file))
    # Compared, not only looked for: after a key was replaced by hand the old one would stay.
    if not home.jwks_file.exists() or not _publishes(home.jwks_file, published):
        files.replace(home.jwks_file, json.dumps(published, indent=2).encode() + b"\n")


def _publishes(jwks_file: Path, published: dict[str, list[dict[str, str]]]) -> bool:
    """Whether the file holds the key, perhaps beside others that an administrator added."""
    present = _read(jwks_file, json.loads)
    return isinstance(present, dict) and all(
        key in present.get("keys", ()) for key in published["keys"]
    )


def _new_issuer_key() -> bytes:
    return _rsa_to_pem(rsa.generate_private_key(public_exponent=65537, key_size=_RSA_KEY_BITS))


def _rsa_to_pem(key: rsa.RSAPrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def _read(path: Path, parse: Callable[[bytes], _Read]) -> _Read:
    """Read a file, or say which one is broken."""
    try:
        return parse(path.read_bytes())
    except (ValueError, TypeError) as error:
        raise FailedPrecondition(
            f"{path} cannot be used: {error}; restore it, or remove it to have a new one made",
            reason="HOME_FILE_UNUSABLE",
            metadata={"file": str(path)},
        ) from error
