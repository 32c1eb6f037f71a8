from __future__ import annotations

from pathlib import Path

import pytest

from deskhold import environment
from deskhold.chassis.settings import Reader, ServerSettings, SettingsError, explained
from deskhold.embedded.paths import Home


def read(values: dict[str, str], service: str = "rbac") -> ServerSettings:
    reader = Reader(service, values)
    settings = ServerSettings.read(reader)
    reader.finish()
    return settings


@pytest.fixture
def complete(laid: Home) -> dict[str, str]:
    """The settings of the embedded default."""
    return environment.read({"DESKHOLD_HOME": str(laid.path)})


def test_each_service_finds_its_own_in_the_file_they_share(complete: dict[str, str]) -> None:
    rbac, broker = read(complete, "rbac"), read(complete, "broker")

    assert (broker.listen, rbac.listen) == ("127.0.0.1:40000", "127.0.0.1:40001")
    assert broker.database_url != rbac.database_url
    assert broker.page_key == rbac.page_key


def test_what_is_not_set_has_a_default(complete: dict[str, str]) -> None:
    settings = read(complete)

    assert settings.metrics_listen == ""
    assert settings.reflection is False
    assert settings.log_level == "INFO"
    assert (settings.max_seconds, settings.max_concurrent, settings.drain_seconds) == (
        120,
        2000,
        10,
    )


def test_a_setting_of_the_service_wins_over_the_one_for_all(complete: dict[str, str]) -> None:
    complete |= {"DESKHOLD_LOG_LEVEL": "ERROR", "DESKHOLD_RBAC_LOG_LEVEL": "debug"}

    assert read(complete, "rbac").log_level == "DEBUG"
    assert read(complete, "broker").log_level == "ERROR"


def test_an_empty_setting_counts_as_not_set(complete: dict[str, str]) -> None:
    complete |= {"DESKHOLD_RBAC_LOG_LEVEL": "", "DESKHOLD_LOG_LEVEL": "WARNING"}

    assert read(complete).log_level == "WARNING"


def test_all_problems_are_reported_together(complete: dict[str, str]) -> None:
    del complete["DESKHOLD_TOKEN_ISSUER"]
    complete |= {
        "DESKHOLD_RBAC_LISTEN": "4000",
        "DESKHOLD_CA_FILE": "/not/there",
        "DESKHOLD_REFLECTION": "yes",
    }

    with pytest.raises(SettingsError) as refused:
        read(complete)

    assert str(refused.value).splitlines() == [
        "DESKHOLD_RBAC_LISTEN='4000': is not of the form 'host:port'",
        "DESKHOLD_CA_FILE='/not/there': is no file",
        "DESKHOLD_RBAC_TOKEN_ISSUER is not set",
        "DESKHOLD_REFLECTION='yes': is neither 'true' nor 'false'",
    ]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("LISTEN", "localhost"),
        ("LISTEN", ":4000"),
        ("LISTEN", "localhost:"),
        ("LISTEN", "localhost:65536"),
        ("LISTEN", "localhost:-1"),
        ("SERVICE_LISTEN", "nowhere"),
        ("METRICS_LISTEN", "nowhere"),
        ("DATABASE_URL", "postgresql://localhost/deskhold"),
        ("DATABASE_URL", "rbac.db"),
        ("TLS_CERT_FILE", "/"),
        ("DOMAINS", "CONTOSO"),
        ("DOMAINS", "=contoso.com"),
        ("LOG_LEVEL", "LOUD"),
        ("REFLECTION", "1"),
        ("MAX_SECONDS", "0"),
        ("MAX_SECONDS", "-1"),
        ("MAX_SECONDS", "inf"),
        ("MAX_SECONDS", "nan"),
        ("MAX_SECONDS", "soon"),
        ("MAX_CONCURRENT", "0"),
        ("MAX_CONCURRENT", "0.5"),
        ("DRAIN_SECONDS", "0"),
    ],
)
def test_a_setting_that_makes_no_sense_is_refused(
    complete: dict[str, str], name: str, text: str
) -> None:
    with pytest.raises(SettingsError, match=f"DESKHOLD_RBAC_{name}="):
        read(complete | {f"DESKHOLD_RBAC_{name}": text})


def test_a_page_key_that_is_too_short_to_be_secret_is_refused(
    complete: dict[str, str], tmp_path: Path
) -> None:
    short = tmp_path / "short"
    short.write_bytes(b"fifteen bytes..\n")

    with pytest.raises(SettingsError, match="fewer than 16 bytes"):
        read(complete | {"DESKHOLD_PAGE_KEY_FILE": str(short)})


def test_the_page_key_is_never_shown(complete: dict[str, str]) -> None:
    settings = read(complete)

    assert settings.page_key.decode() not in repr(settings)


def test_problems_end_the_process_with_a_plain_message(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended, explained("rbac"):
        read({})

    assert ended.value.code == 2
    said = capsys.readouterr().err
    assert said.startswith("rbac_service cannot start:\nDESKHOLD_RBAC_LISTEN is not set\n")
    assert "Traceback" not in said


def test_an_interrupted_start_ends_the_process_without_a_word(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit) as ended, explained("rbac"):
        raise KeyboardInterrupt

    assert (ended.value.code, capsys.readouterr().err) == (130, "")
