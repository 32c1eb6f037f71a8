import stat
import subprocess
import sys
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import jwt
import pytest
from cryptography import x509

from deskhold import environment, issuer
from deskhold.embedded import authority
from deskhold.embedded.home import lay_out
from deskhold.embedded.paths import Home
from deskhold.errors import FailedPrecondition, InvalidArgument

MADE = (
    "ca/ca-key.pem",
    "ca/ca.pem",
    "tls/rbac-key.pem",
    "tls/rbac.pem",
    "tls/broker-key.pem",
    "tls/broker.pem",
    "rdp/signing.pem",
    "issuer/key.pem",
    "issuer/jwks.json",
    "secrets/page-key",
    "deskhold.env",
)


def contents(home: Home) -> Mapping[str, bytes]:
    files = (path for path in home.path.rglob("*") if path.is_file() and path.suffix != ".lock")
    return {str(path.relative_to(home.path)): path.read_bytes() for path in files}


def settings(home: Home) -> dict[str, str]:
    return environment.read({environment.HOME: str(home.path)})


def test_only_its_owner_can_read_what_was_made(home: Home) -> None:
    modes = {path: stat.S_IMODE(path.stat().st_mode) for path in home.path.rglob("*")}

    assert {mode for path, mode in modes.items() if path.is_file()} == {0o600}
    assert {mode for path, mode in modes.items() if path.is_dir()} == {0o700}
    assert stat.S_IMODE(home.path.stat().st_mode) == 0o700
    assert set(contents(home)) == set(MADE)


def test_laying_out_again_changes_nothing_whatever_the_port(home: Home) -> None:
    before = contents(home)
    times = {path: path.stat().st_mtime_ns for path in home.path.rglob("*.pem")}

    lay_out(home.path, 1234)

    assert contents(home) == before
    assert {path: path.stat().st_mtime_ns for path in home.path.rglob("*.pem")} == times


def test_several_first_starts_at_once_make_one_home(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        homes = list(pool.map(lambda _: lay_out(tmp_path / "var", 7443), range(8)))

    assert len(set(homes)) == 1
    assert_is_complete(homes[0])


# Kills the process that lays out a home just before its n-th file gets its name.
KILLED = """
import os, signal, sys
from pathlib import Path
from deskhold.embedded.home import lay_out

left = int(sys.argv[2])

def count(event, _):
    global left
    if event == "os.rename":
        left -= 1
        if left < 0:
            os.kill(os.getpid(), signal.SIGKILL)

sys.addaudithook(count)
lay_out(Path(sys.argv[1]), 7443)
"""


def test_a_first_start_killed_before_any_of_its_files_is_completed_by_the_next(
    tmp_path: Path,
) -> None:
    killed = [
        subprocess.Popen([sys.executable, "-c", KILLED, str(tmp_path / str(count)), str(count)])
        for count in range(len(MADE))
    ]
    for count, process in enumerate(killed):
        assert process.wait(60) == -9
        half = Home(tmp_path / str(count))
        before = {name: text for name, text in contents(half).items() if name in MADE}
        assert set(before) == set(MADE[:count])

        lay_out(half.path, 7443)

        assert contents(half).items() >= before.items()
        assert_is_complete(half)


def assert_is_complete(home: Home) -> None:
    assert set(contents(home)) == set(MADE)
    root = x509.load_pem_x509_certificate(home.ca_file.read_bytes())
    for service in ("rbac", "broker"):
        assert authority.is_good_leaf(
            x509.load_pem_x509_certificate(home.tls_file(service).read_bytes()),
            key=authority.key_from_pem(home.tls_key_file(service).read_bytes()),
            authority=root,
            now=datetime.now(UTC),
        )


def test_a_leaf_about_to_expire_is_issued_again_for_the_same_key(home: Home) -> None:
    before = contents(home)
    later = datetime.now(UTC) + timedelta(days=340)

    lay_out(home.path, 7443, now=later)

    after = contents(home)
    changed = {name for name in MADE if before[name] != after[name]}
    assert changed == {"tls/rbac.pem", "tls/broker.pem"}
    renewed = x509.load_pem_x509_certificate(after["tls/broker.pem"])
    assert renewed.not_valid_after_utc > later + timedelta(days=360)


def test_a_leaf_with_months_to_go_is_kept(home: Home) -> None:
    before = contents(home)

    lay_out(home.path, 7443, now=datetime.now(UTC) + timedelta(days=330))

    assert contents(home) == before


def test_a_lost_authority_key_hinders_nothing_until_a_leaf_must_be_issued(home: Home) -> None:
    home.ca_key_file.unlink()
    lay_out(home.path, 7443)

    home.tls_file("broker").unlink()
    with pytest.raises(FailedPrecondition, match=r"ca-key\.pem is missing, so .*broker\.pem"):
        lay_out(home.path, 7443)
    assert not home.ca_key_file.exists()


def test_a_broken_key_is_named_and_not_overwritten(home: Home) -> None:
    home.tls_key_file("rbac").write_bytes(b"not a key")

    with pytest.raises(FailedPrecondition, match=r"rbac-key\.pem cannot be used"):
        lay_out(home.path, 7443)
    assert home.tls_key_file("rbac").read_bytes() == b"not a key"


def test_a_token_of_the_issuer_is_verified_by_its_published_key(home: Home) -> None:
    said = settings(home)
    signer = issuer.Issuer(
        said["DESKHOLD_TOKEN_ISSUER"],
        said["DESKHOLD_TOKEN_AUDIENCE"],
        issuer.load_key(said["DESKHOLD_ISSUER_KEY_FILE"]),
    )

    token = issuer.sign(signer, "alice@contoso.com")

    keys = jwt.PyJWKSet.from_json(Path(said["DESKHOLD_TOKEN_JWKS_FILE"]).read_text())
    key = keys[jwt.get_unverified_header(token)["kid"]]
    claims = jwt.decode(token, key, audience=signer.audience, issuer=signer.issuer)
    assert claims["sub"] == "alice@contoso.com"


def test_a_replaced_issuer_key_is_published(home: Home) -> None:
    before = home.jwks_file.read_bytes()
    home.issuer_key_file.unlink()

    lay_out(home.path, 7443)

    assert home.jwks_file.read_bytes() != before


def test_every_file_that_the_settings_name_is_there(home: Home) -> None:
    said = settings(home)
    named = {key: Path(value) for key, value in said.items() if key.endswith("_FILE")}
    del named["DESKHOLD_TOKEN_FILE"]  # the command line writes it at login

    assert len(named) == 9
    assert all(path.is_absolute() and path.is_file() for path in named.values())


def test_the_settings_take_three_ports_from_the_base(tmp_path: Path) -> None:
    said = settings(lay_out(tmp_path / "var", 20000))

    assert said["DESKHOLD_BROKER_ADDRESS"] == "localhost:20000"
    assert said["DESKHOLD_BROKER_LISTEN"] == "127.0.0.1:20000"
    assert said["DESKHOLD_RBAC_ADDRESS"] == "localhost:20001"
    assert said["DESKHOLD_RBAC_LISTEN"] == "127.0.0.1:20001"
    assert said["DESKHOLD_RBAC_SERVICE_LISTEN"] == "127.0.0.1:20002"
    assert said["DESKHOLD_BROKER_AUTHORITY_ADDRESS"] == "localhost:20002"


@pytest.mark.parametrize("base_port", [0, -1, 65534, 70000])
def test_a_base_port_without_room_for_three_is_refused(tmp_path: Path, base_port: int) -> None:
    with pytest.raises(InvalidArgument, match=str(base_port)):
        lay_out(tmp_path / "var", base_port)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["what?", "two\nlines"])
def test_a_path_that_settings_cannot_hold_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(InvalidArgument, match="DESKHOLD_HOME"):
        lay_out(tmp_path / name, 7443)
    assert list(tmp_path.iterdir()) == []
