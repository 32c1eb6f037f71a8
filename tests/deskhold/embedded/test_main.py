import os
import subprocess
import sys
from pathlib import Path

from deskhold.embedded import files
from deskhold.embedded.paths import Home

ROOT = Path(__file__).parents[3]


def embedded(home: Path, *words: str, **environ: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "deskhold.embedded", *words],
        env={**os.environ, "DESKHOLD_HOME": str(home), **environ},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_an_unknown_service_is_wrong_usage_and_makes_nothing(tmp_path: Path) -> None:
    done = embedded(tmp_path / "var", "run", "gateway")

    assert done.returncode == 2
    assert "'gateway' is not one of" in done.stderr
    assert not (tmp_path / "var").exists()


def test_init_lays_out_the_home_and_starts_nothing(tmp_path: Path) -> None:
    done = embedded(tmp_path / "var", "init", DESKHOLD_EMBEDDED_PORTS_FROM="8443")

    assert done.returncode == 0
    assert done.stdout == f"{tmp_path}/var holds what the services need\n"
    assert "BROKER_LISTEN=127.0.0.1:8443" in (tmp_path / "var" / "deskhold.env").read_text()
    assert not list((tmp_path / "var").rglob("*.pid"))


def test_init_with_a_service_is_wrong_usage_and_makes_nothing(tmp_path: Path) -> None:
    done = embedded(tmp_path / "var", "init", "rbac")

    assert done.returncode == 2
    assert "init goes without other words" in done.stderr
    assert not (tmp_path / "var").exists()


def test_a_port_that_is_no_number_is_refused_with_its_name(tmp_path: Path) -> None:
    done = embedded(tmp_path / "var", DESKHOLD_EMBEDDED_PORTS_FROM="https")

    assert done.returncode == 1
    assert done.stderr.startswith("deskhold: DESKHOLD_EMBEDDED_PORTS_FROM is 'https'")


def test_a_home_that_cannot_be_made_is_refused_without_a_traceback(tmp_path: Path) -> None:
    (tmp_path / "var").write_text("in the way")

    done = embedded(tmp_path / "var")

    assert done.returncode == 1
    assert "var" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_home_whose_service_runs_already_is_refused(home: Home) -> None:
    lock = files.try_lock(home.lock_file("rbac"))
    assert lock is not None
    home.pid_file("rbac").write_text("4711\n")

    done = embedded(home.path)

    os.close(lock)
    assert done.returncode == 1
    assert f"rbac already runs from {home.path} as process 4711" in done.stderr
