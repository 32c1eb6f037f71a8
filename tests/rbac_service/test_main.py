from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from sqlalchemy import create_engine, text

from deskhold.api.rbac.v1.access_pb2 import WhoAmIRequest
from deskhold.embedded.home import lay_out
from tests.rbac_service.running import OWNER, Deployment, Process, environ


def test_it_does_not_start_without_its_settings_and_names_them_all(tmp_path: Path) -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "rbac_service"],
        env={"DESKHOLD_HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert ended.returncode == 2
    said = ended.stderr.splitlines()
    assert said[0] == "rbac_service cannot start:"
    assert {line.partition(" ")[0].removeprefix("DESKHOLD_RBAC_") for line in said[1:]} == {
        "LISTEN",
        "DATABASE_URL",
        "TLS_CERT_FILE",
        "TLS_KEY_FILE",
        "CA_FILE",
        "TOKEN_ISSUER",
        "TOKEN_AUDIENCE",
        "TOKEN_JWKS_FILE",
        "PAGE_KEY_FILE",
    }


def test_it_serves_until_it_is_told_to_stop_and_ends_well(own_deployment: Deployment) -> None:
    process = own_deployment.start()
    assert process.signed_in(OWNER)(WhoAmIRequest()).principal.id == OWNER

    assert process.stop() == 0


def test_an_address_that_is_taken_is_a_plain_message(rbac: Process, tmp_path: Path) -> None:
    home = lay_out(tmp_path / "var", 40000)

    ended = subprocess.run(
        [sys.executable, "-m", "rbac_service"],
        env=environ(home, LISTEN=rbac.address),
        capture_output=True,
        text=True,
        check=False,
    )

    assert ended.returncode == 2
    assert f"cannot listen at {rbac.address}" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_it_serves_only_when_it_has_read_its_policy(own_deployment: Deployment) -> None:
    engine = create_engine(own_deployment.url)
    with engine.begin() as connection:
        connection.execute(text("ALTER TABLE role_assignments RENAME TO elsewhere"))
    engine.dispose()

    ended = subprocess.run(
        [sys.executable, "-m", "rbac_service"],
        env=environ(own_deployment.home, DATABASE_URL=own_deployment.url),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert ended.returncode == 2
    first, said = ended.stderr.splitlines()[:2]
    assert first == "rbac_service cannot start:"
    assert said.startswith("the policy cannot be read: ")
    assert "role_assignments" in said
    assert '"serving"' not in ended.stderr
    assert "Traceback" not in ended.stderr
