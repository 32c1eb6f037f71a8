"""What keeps a server from starting is told in one plain message, with exit code 2."""

from __future__ import annotations

import importlib
import json
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)

from deskhold import environment
from deskhold.chassis.db import migrate
from deskhold.chassis.settings import Reader, ServerSettings, SettingsError
from deskhold.embedded.paths import Home
from tests.deskhold.chassis.carrier import Carrier
from tests.ports import held_ports

JSON_OF_ANOTHER_SHAPE = ["[]", "1", "null", '{"keys": 1}', '{"keys": [1]}', '{"certs": []}']


def environ(home: Home, **more: object) -> dict[str, str]:
    """Return the environment of a service that serves from a home."""
    free = held_ports()
    return {
        "DESKHOLD_HOME": str(home.path),
        "DESKHOLD_RBAC_LISTEN": f"127.0.0.1:{free}",
        "DESKHOLD_RBAC_SERVICE_LISTEN": f"127.0.0.1:{free + 1}",
        "DESKHOLD_BROKER_LISTEN": f"127.0.0.1:{free + 2}",
        **{key: str(value) for key, value in more.items()},
    }


def start(service: str, environ: dict[str, str]) -> str:
    """Return what a service says that cannot start, its usual first line aside."""
    done = subprocess.run(
        [sys.executable, "-m", f"{service}_service"],
        env=environ,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    said = done.stderr.splitlines()
    assert (done.returncode, said[0]) == (2, f"{service}_service cannot start:")
    return "\n".join(said[1:])


@pytest.fixture
def written(tmp_path: Path) -> Callable[[str], Path]:
    """Writes a file."""

    def write(text: str) -> Path:
        file = tmp_path / "written"
        file.write_text(text)
        return file

    return write


@pytest.mark.parametrize("service", ["rbac", "broker"])
def test_a_broken_settings_file_is_told_in_a_line(service: str, tmp_path: Path) -> None:
    file = tmp_path / environment.FILE_NAME
    file.write_text("DESKHOLD_LISTEN: 127.0.0.1:7443\n")

    said = start(service, {"DESKHOLD_HOME": str(tmp_path)})

    assert said == (
        f"{file}, line 1: 'DESKHOLD_LISTEN: 127.0.0.1:7443' is no setting that this file may hold"
    )


def test_a_settings_file_that_cannot_be_read_is_told_in_a_line(tmp_path: Path) -> None:
    (tmp_path / environment.FILE_NAME).mkdir()

    said = start("rbac", {"DESKHOLD_HOME": str(tmp_path)})

    assert str(tmp_path / environment.FILE_NAME) in said
    assert len(said.splitlines()) == 1


@pytest.mark.parametrize("service", ["rbac", "broker"])
def test_a_key_of_another_certificate_is_told_in_a_line(
    laid: Home, tmp_path: Path, service: str
) -> None:
    key_file = laid.tls_key_file({"rbac": "broker", "broker": "rbac"}[service])

    said = start(
        service,
        environ(laid)
        | {
            f"DESKHOLD_{service.upper()}_TLS_KEY_FILE": str(key_file),
            f"DESKHOLD_{service.upper()}_DATABASE_URL": f"sqlite:///{tmp_path}/own.db",
        },
    )

    assert said == f"{key_file} is not the key of the certificate {laid.tls_file(service)}"


@pytest.mark.parametrize("name", ["TLS_CERT_FILE", "CA_FILE"])
def test_a_file_without_a_certificate_is_refused_under_the_name_of_its_setting(
    laid: Home, written: Callable[[str], Path], name: str
) -> None:
    file = written(laid.tls_file("rbac").read_text()[:200])
    values = environment.read(environ(laid)) | {f"DESKHOLD_RBAC_{name}": str(file)}
    reader = Reader("rbac", values)
    ServerSettings.read(reader)

    with pytest.raises(SettingsError) as refused:
        reader.finish()

    assert str(refused.value) == f"DESKHOLD_RBAC_{name}='{file}': holds no certificate in PEM"


async def refusal_of_key(carrier: Carrier, key_file: Path) -> str:
    carrier.settings = replace(carrier.settings, tls_key_file=key_file)
    with pytest.raises(SettingsError) as refused:
        await carrier.make_server().start()
    await carrier.channel.close()
    return str(refused.value)


@pytest.mark.parametrize("text", ["", "no key", "-----BEGIN PRIVATE KEY-----\n"])
async def test_a_file_without_a_key_is_refused(
    laid: Home, written: Callable[[str], Path], text: str
) -> None:
    file = written(text)

    said = await refusal_of_key(Carrier(laid), file)

    assert said == f"{file} holds no unencrypted private key in PEM"


async def test_an_encrypted_key_is_refused_without_asking_for_its_password(
    laid: Home, written: Callable[[str], Path]
) -> None:
    key = load_pem_private_key(laid.tls_key_file("rbac").read_bytes(), password=None)
    hidden = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"x"))
    file = written(hidden.decode())

    said = await refusal_of_key(Carrier(laid), file)

    assert said == f"{file} holds no unencrypted private key in PEM"


@pytest.mark.parametrize("text", ["", "no JSON", "{}", '{"keys": []}', *JSON_OF_ANOTHER_SHAPE])
async def test_a_key_set_without_keys_is_refused(
    laid: Home, written: Callable[[str], Path], text: str
) -> None:
    carrier = Carrier(laid)
    carrier.settings = replace(carrier.settings, token_jwks_file=written(text))

    with pytest.raises(SettingsError, match="holds no JSON Web Key Set with a key") as refused:
        carrier.make_server()

    assert str(carrier.settings.token_jwks_file) in str(refused.value)
    await carrier.channel.close()


def test_a_key_set_without_keys_is_told_in_a_line(
    laid: Home, tmp_path: Path, written: Callable[[str], Path]
) -> None:
    file = written(json.dumps({"keys": []}))

    said = start(
        "rbac",
        environ(
            laid,
            DESKHOLD_TOKEN_JWKS_FILE=file,
            DESKHOLD_RBAC_DATABASE_URL=f"sqlite:///{tmp_path}/own.db",
        ),
    )

    assert said.startswith(f"{file} holds no JSON Web Key Set with a key that can be used")
    assert len(said.splitlines()) == 1


def test_a_metrics_port_that_is_taken_is_told_in_a_line(laid: Home, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        said = start(
            "rbac",
            environ(
                laid,
                DESKHOLD_METRICS_LISTEN=address,
                DESKHOLD_RBAC_DATABASE_URL=f"sqlite:///{tmp_path}/own.db",
            ),
        )

    assert said == (
        f"cannot listen at {address}: another process listens there,"
        " or the address is not of this machine"
    )


def migrated(url: str, service: str) -> Path:
    """Return the file of a database that a service has migrated."""
    package = importlib.import_module(f"{service}_service.__main__")
    migrate(url, package.MIGRATIONS)
    return Path(url.removeprefix("sqlite:///"))


def to_garbage(file: Path) -> None:
    file.write_bytes(b"no database at all\n" * 1000)


def to_half(file: Path) -> None:
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])


def to_a_newer_schema(file: Path) -> None:
    with sqlite3.connect(file) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.close()


def to_a_folder(file: Path) -> None:
    file.unlink()
    file.mkdir()


DAMAGES: dict[str, tuple[Callable[[Path], None], str]] = {
    "garbage": (to_garbage, "file is not a database"),
    "half of it": (to_half, "database disk image is malformed"),
    "a newer schema": (to_a_newer_schema, "its schema is of another version"),
    "a folder": (to_a_folder, "unable to open database file"),
}


@pytest.mark.parametrize("service", ["rbac", "broker"])
@pytest.mark.parametrize("damage", DAMAGES)
def test_an_unusable_database_is_told_in_a_line(
    laid: Home, tmp_path: Path, service: str, damage: str
) -> None:
    url = f"sqlite:///{tmp_path}/own.db"
    spoil, reason = DAMAGES[damage]
    spoil(migrated(url, service))

    said = start(service, environ(laid) | {f"DESKHOLD_{service.upper()}_DATABASE_URL": url})

    assert reason in said
    assert len(said.splitlines()) == 1


def test_a_database_that_takes_no_writes_is_told_in_a_line(laid: Home, tmp_path: Path) -> None:
    file = migrated(f"sqlite:///{tmp_path}/own.db", "broker")
    url = f"sqlite:///file:{file}?mode=ro&uri=true"

    said = start("broker", environ(laid) | {"DESKHOLD_BROKER_DATABASE_URL": url})

    assert "readonly database" in said
    assert len(said.splitlines()) == 1


def test_a_new_database_is_its_users_only_whoever_starts_the_service(
    laid: Home, tmp_path: Path
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:  # so that it ends by itself
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        start(
            "rbac",
            environ(laid, DESKHOLD_METRICS_LISTEN=address)
            | {"DESKHOLD_RBAC_DATABASE_URL": f"sqlite:///{tmp_path}/own.db"},
        )

    assert {file.stat().st_mode & 0o777 for file in tmp_path.glob("own.db*")} == {0o600}


# A setting that only this service reads.
SPECIFIC = {"rbac": "DESKHOLD_KEPT_DECISIONS", "broker": "DESKHOLD_ACTIVITY_DAYS"}


def check(service: str, environ: dict[str, str]) -> tuple[int, str, str]:
    """Return the exit code of a check of the settings, and what it says."""
    done = subprocess.run(
        [sys.executable, "-m", f"{service}_service", "--check-config"],
        env=environ,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize("service", ["rbac", "broker"])
def test_good_settings_are_checked_without_serving(laid: Home, service: str) -> None:
    said = check(service, environ(laid))

    assert said == (0, f"{service}_service: the settings can be used\n", "")


@pytest.mark.parametrize("service", ["rbac", "broker"])
def test_a_check_of_the_settings_says_everything_at_once(
    laid: Home, written: Callable[[str], Path], service: str
) -> None:
    own = f"DESKHOLD_{service.upper()}_"
    other = {"rbac": "broker", "broker": "rbac"}[service]

    code, _, said = check(
        service,
        environ(laid)
        | {
            f"{own}TLS_KEY_FILE": str(laid.tls_key_file(other)),
            "DESKHOLD_TOKEN_JWKS_FILE": str(written("{}")),
            "DESKHOLD_MAX_SECONDS": "never",
            SPECIFIC[service]: "never",
            "DESKHOLD_LOGLEVEL": "DEBUG",
            f"{own}GARDEN": "roses",
        },
    )

    first, *lines = said.splitlines()
    assert (code, first) == (2, f"{service}_service cannot start:")
    assert len(lines) == 6
    assert any(line.startswith(f"{SPECIFIC[service]}='never'") for line in lines)
    assert any("is not the key of the certificate" in line for line in lines)
    assert any("holds no JSON Web Key Set" in line for line in lines)
    assert any(line.startswith("DESKHOLD_MAX_SECONDS='never'") for line in lines)
    assert "DESKHOLD_LOGLEVEL is no setting; did you mean DESKHOLD_LOG_LEVEL?" in lines
    assert f"{own}GARDEN is no setting" in lines
