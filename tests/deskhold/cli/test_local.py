"""`bootstrap` and `login`."""

from __future__ import annotations

import stat
from pathlib import Path

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from deskhold import issuer
from tests.deskhold.cli.conftest import Run

KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)


@pytest.fixture
def issuing_home(home: Path) -> Path:
    key_file = home / "issuer"
    key_file.write_bytes(KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    with (home / "deskhold.env").open("a") as settings:
        settings.write(
            "\nDESKHOLD_TOKEN_ISSUER=https://deskhold.local\nDESKHOLD_TOKEN_AUDIENCE=deskhold\n"
            f"DESKHOLD_ISSUER_KEY_FILE={key_file}\n"
        )
    return home


def test_login_writes_a_token_only_its_owner_can_read(run: Run, issuing_home: Path) -> None:
    done = run("login", "--user", "CONTOSO\\alice", "--local", "--group", "g1", "--group", "g2")

    assert (done.exit_code, done.output) == (0, "")
    token_file = issuing_home / "token"
    assert stat.S_IMODE(token_file.stat().st_mode) == 0o600
    key = jwt.PyJWKSet.from_dict(issuer.public_jwks(KEY)).keys[0]
    claims = jwt.decode(
        token_file.read_text().strip(), key, algorithms=["RS256"], audience="deskhold"
    )
    assert (claims["sub"], claims["groups"]) == ("CONTOSO\\alice", ["g1", "g2"])


def test_login_writes_to_the_selected_token_file(run: Run, issuing_home: Path) -> None:
    before = (issuing_home / "token").read_text()

    assert run("login", "--user", "a@b.c", "--token-file", str(issuing_home / "a")).exit_code == 0

    assert (issuing_home / "a").exists()
    assert (issuing_home / "token").read_text() == before


def test_login_leaves_nothing_half_written_where_it_cannot_write(
    run: Run, issuing_home: Path
) -> None:
    done = run("login", "--user", "a@b.c", "--token-file", str(issuing_home / "absent" / "token"))

    assert done.exit_code == 1
    assert "absent" in done.stderr


@pytest.mark.parametrize("command", [("login", "--user"), ("bootstrap", "--owner")])
def test_a_user_is_domain_backslash_user_or_user_at_domain(
    command: tuple[str, str], run: Run
) -> None:
    done = run(*command, "alice")

    assert done.exit_code == 2
    assert "neither 'DOMAIN\\user' nor 'user@domain'" in done.stderr


def test_login_without_a_local_issuer_says_what_is_missing(run: Run) -> None:
    done = run("login", "--user", "a@b.c")

    assert done.exit_code == 1
    assert "no local issuer" in done.stderr
    assert "DESKHOLD_TOKEN_ISSUER" in done.stderr


def test_bootstrap_runs_the_services_own_command_and_passes_its_exit_code_on(
    environ: None, home: Path, monkeypatch: pytest.MonkeyPatch, run: Run
) -> None:
    module = home / "elsewhere" / "rbac_service"
    module.mkdir(parents=True)
    (module / "__init__.py").touch()
    (module / "__main__.py").write_text(
        "import os, pathlib, sys\n"
        "pathlib.Path(os.environ['DESKHOLD_HOME'], 'ran').write_text(' '.join(sys.argv[1:]))\n"
        "sys.exit(7)\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(module.parent))
    monkeypatch.setenv("DESKHOLD_RBAC_DATABASE_URL", "sqlite:///rbac.db")
    monkeypatch.chdir(module.parent)

    done = run("bootstrap", "--owner", "admin@contoso.com")

    assert done.exit_code == 7
    assert (home / "ran").read_text() == "bootstrap --owner admin@contoso.com"


def test_bootstrap_away_from_the_deployments_files_says_what_to_do(run: Run) -> None:
    done = run("bootstrap", "--owner", "admin@contoso.com")

    assert done.exit_code == 1
    assert "NOT_CONFIGURED" in done.stderr
    assert "'make run'" in done.stderr
