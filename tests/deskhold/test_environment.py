"""Settings: the environment wins over the file."""

from __future__ import annotations

from pathlib import Path

import pytest

from deskhold import environment


def test_the_home_is_var_and_the_token_in_it_unless_said_otherwise(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    assert environment.read({}) == {
        "DESKHOLD_HOME": "var",
        "DESKHOLD_TOKEN_FILE": "var/token",
    }


def test_the_environment_wins_over_the_file_and_the_file_over_defaults(tmp_path: Path) -> None:
    (tmp_path / "deskhold.env").write_text(
        "# comment\n\nDESKHOLD_A=file\n DESKHOLD_B = with = sign \nDESKHOLD_TOKEN_FILE=/t\n"
    )

    settings = environment.read(
        {"DESKHOLD_HOME": str(tmp_path), "DESKHOLD_A": "process", "PATH": "/bin"}
    )

    assert settings == {
        "DESKHOLD_HOME": str(tmp_path),
        "DESKHOLD_A": "process",
        "DESKHOLD_B": "with = sign",
        "DESKHOLD_TOKEN_FILE": "/t",
    }


def test_an_empty_value_counts_as_unset(tmp_path: Path) -> None:
    (tmp_path / "deskhold.env").write_text("DESKHOLD_A=file\nDESKHOLD_B=\n")

    settings = environment.read({"DESKHOLD_HOME": str(tmp_path), "DESKHOLD_A": ""})

    assert settings["DESKHOLD_A"] == "file"
    assert "DESKHOLD_B" not in settings


@pytest.mark.parametrize("line", ["nonsense", "PATH=/bin", "DESKHOLD_HOME=/elsewhere"])
def test_a_line_that_is_no_setting_is_named(tmp_path: Path, line: str) -> None:
    (tmp_path / "deskhold.env").write_text(f"# first\n{line}\n")

    with pytest.raises(ValueError, match=r"deskhold\.env, line 2"):
        environment.read({"DESKHOLD_HOME": str(tmp_path)})


def test_a_setting_that_nothing_reads_is_named_with_the_nearest_one() -> None:
    values = {
        "DESKHOLD_RBAC_LISTEN": "x",
        "DESKHOLD_LISTEN": "x",
        "DESKHOLD_RBAC_ADDRESS": "x",
        "DESKHOLD_BROKER_LISTENS": "x",
        "DESKHOLD_QQ": "x",
    }

    assert environment.unknown(values) == [
        "DESKHOLD_BROKER_LISTENS is no setting; did you mean DESKHOLD_LISTEN?",
        "DESKHOLD_QQ is no setting",
    ]
