"""Signed `.rdp` files: what is signed, and that the signature fits."""

from __future__ import annotations

import base64
import datetime
import shutil
import struct
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
)
from cryptography.x509.oid import NameOID

from broker_service.sessions.rdp import Target, rdp_file
from broker_service.sessions.signing import Signer, optional_signer
from deskhold.chassis.settings import Reader, SettingsError
from tests.broker_service.stores import Store

Key = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey
KEYS: dict[str, Callable[[], Key]] = {
    "RSA": lambda: rsa.generate_private_key(65537, 2048),
    "EC": lambda: ec.generate_private_key(ec.SECP256R1()),
}
KIND = pytest.mark.parametrize("kind", KEYS)
CONTENT = rdp_file(
    Target("pc-1", 3389, "dh2.token"),
    "alice@contoso.com",
    custom="audiomode:i:1",
    to_be_signed=True,
)


def certificate(key: Key) -> bytes:
    """Return a certificate of a key, signed by itself."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "deskhold test")])
    start = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
    built = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(7)
        .not_valid_before(start)
        .not_valid_after(start + datetime.timedelta(days=3650))
    )
    algorithm = None if isinstance(key, ed25519.Ed25519PrivateKey) else SHA256()
    return built.sign(key, algorithm).public_bytes(Encoding.PEM)


def pem(key: Key, encryption: KeySerializationEncryption | None = None) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption or NoEncryption())


def written(path: Path, *parts: bytes) -> Path:
    file = path / "signing.pem"
    file.write_bytes(b"".join(parts))
    return file


def settings(content: str) -> dict[str, str]:
    return {
        line.split(":", 2)[0]: line.split(":", 2)[2]
        for line in content.removesuffix("\r\n").split("\r\n")
    }


def cms_of(content: str) -> bytes:
    blob = base64.b64decode(settings(content)["signature"], validate=True)
    version, kind, length = struct.unpack("<III", blob[:12])
    assert (version, kind, length) == (0x00010001, 1, len(blob) - 12)
    return blob[12:]


def verifies(path: Path, cms: bytes, text: bytes) -> bool:
    """Ask OpenSSL whether a detached signature is that of a text."""
    (path / "cms.der").write_bytes(cms)
    (path / "text").write_bytes(text)
    openssl = shutil.which("openssl")
    assert openssl is not None
    command = [openssl, "cms", "-verify", "-binary", "-inform", "DER", "-in", "cms.der"]
    command += ["-content", "text", "-noverify", "-out", "/dev/null"]
    return subprocess.run(command, cwd=path, check=False, capture_output=True).returncode == 0


@KIND
def test_openssl_confirms_the_signature_over_what_is_signed(tmp_path: Path, kind: str) -> None:
    key = KEYS[kind]()
    signer = Signer(written(tmp_path, certificate(key), pem(key)))

    content = signer.sign(CONTENT)

    found = settings(content)
    assert content.startswith(CONTENT)
    assert list(found)[-2:] == ["signscope", "signature"]
    lines = {line.partition(":")[0].lower(): line for line in content.split("\r\n")}
    names = found["signscope"].split(",")
    text = "\r\n".join([*(lines[name.lower()] for name in names), lines["signscope"]])
    signed = f"{text}\r\n\x00".encode("utf-16-le")
    assert verifies(tmp_path, cms_of(content), signed)
    assert not verifies(tmp_path, cms_of(content), signed.replace(b"p\0c\0-\0001", b"p\0c\0-\0002"))


@KIND
def test_where_the_file_leads_is_signed(tmp_path: Path, kind: str) -> None:
    key = KEYS[kind]()
    content = Signer(written(tmp_path, pem(key), certificate(key))).sign(CONTENT)

    scope = settings(content)["signscope"].split(",")

    assert scope[:2] == ["Full Address", "Alternate Full Address"]
    assert {"LoadBalanceInfo", "AudioMode", "Authentication Level"} <= set(scope)
    assert "username" not in settings(content)["signscope"].lower()


def test_the_chain_travels_with_the_signature(tmp_path: Path) -> None:
    key, above = KEYS["EC"](), KEYS["EC"]()
    signer = Signer(written(tmp_path, certificate(key), certificate(above), pem(key)))

    (tmp_path / "cms.der").write_bytes(cms_of(signer.sign(CONTENT)))

    openssl = shutil.which("openssl")
    assert openssl is not None
    shown = subprocess.run(
        [openssl, "cms", "-cmsout", "-print", "-inform", "DER", "-in", tmp_path / "cms.der"],
        check=True,
        capture_output=True,
        text=True,
    )
    assert shown.stdout.count("d.certificate:") == 2


@pytest.mark.parametrize(
    ("parts", "words"),
    [
        (lambda key: (b"",), "Unable to load PEM"),
        (lambda key: (pem(key),), "Unable to load PEM"),
        (lambda key: (certificate(key),), "holds no private key in PEM"),
        (
            lambda key: (certificate(key), pem(key, BestAvailableEncryption(b"x"))),
            "or one behind a password",
        ),
        (
            lambda key: (certificate(key), pem(KEYS["EC"]())),
            "holds a key that is not that of its first certificate",
        ),
    ],
    ids=["empty", "no certificate", "no key", "password", "another key"],
)
def test_a_wrong_file_is_an_error_of_the_settings(
    tmp_path: Path, parts: Callable[[Key], tuple[bytes, ...]], words: str
) -> None:
    file = written(tmp_path, *parts(KEYS["EC"]()))

    assert words in problem(file)


def test_a_key_that_windows_does_not_know_is_an_error_of_the_settings(tmp_path: Path) -> None:
    key = ed25519.Ed25519PrivateKey.generate()

    assert "neither an RSA nor an EC key" in problem(written(tmp_path, certificate(key), pem(key)))


def test_a_file_that_is_not_there_is_an_error_of_the_settings(tmp_path: Path) -> None:
    assert "No such file" in problem(tmp_path / "nowhere.pem")


def problem(file: Path) -> str:
    """Read the setting as the broker does at its start; return what is said."""
    reader = Reader.of("broker", {"DESKHOLD_BROKER_RDP_SIGNING_FILE": str(file)})
    reader.read("RDP_SIGNING_FILE", optional_signer, "")
    with pytest.raises(SettingsError) as caught:
        reader.finish()
    message = str(caught.value)
    assert message.startswith(f"DESKHOLD_BROKER_RDP_SIGNING_FILE='{file}'")
    return message


def test_without_the_setting_nothing_is_signed() -> None:
    assert optional_signer("") is None


async def test_what_connect_hands_out_is_signed_and_what_would_be_is_not(
    store: Store, tmp_path: Path
) -> None:
    key = KEYS["EC"]()
    await store.make("pc-1", auto_assign_user=True)
    signed = store.signing(Signer(written(tmp_path, certificate(key), pem(key))))

    tried = await signed.connect("alice@contoso.com", only_say=True)
    done = await signed.connect("alice@contoso.com")

    assert "signature:s:" not in tried.rdp
    assert cms_of(done.rdp)
