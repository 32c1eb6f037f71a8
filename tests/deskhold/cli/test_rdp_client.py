"""connect --open: which client is started, on what, and what is left behind."""

from __future__ import annotations

import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from deskhold.api.broker.v1.sessions_pb2 import ConnectResponse
from deskhold.cli import rdp_client
from deskhold.cli.rdp_client import RdpClient, find_client
from deskhold.errors import FailedPrecondition
from tests.deskhold.cli.conftest import Run
from tests.deskhold.stub_service import StubService

ENG = "tenantGroups/default/tenants/default/collections/eng"
CONTENT = b"\xff\xfefile"


def program(directory: Path, name: str, body: str = "") -> Path:
    """Write a program that notes what it was started with, then does something."""
    path = directory / name
    path.write_text(
        f"""#!{sys.executable}
import os, stat, sys
file = sys.argv[-1]
modes = os.stat(file).st_mode, os.stat(os.path.dirname(file)).st_mode
with open({str(directory / "note")!r}, "wb") as note:
    note.write(repr((sys.argv[1:], stat.S_IMODE(modes[0] & modes[1]))).encode())
    note.write(b"\\n" + open(file, "rb").read())
{body}
"""
    )
    path.chmod(0o755)
    return path


def noted(directory: Path) -> tuple[list[str], int, bytes]:
    first, _, content = (directory / "note").read_bytes().partition(b"\n")
    arguments, mode = eval(first)
    return arguments, mode, content


@pytest.fixture
def screen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine with a screen and no program but those that are written here."""
    monkeypatch.setenv("DISPLAY", ":77")
    monkeypatch.setenv("PATH", str(tmp_path))
    return tmp_path


def test_the_client_gets_a_private_file_that_is_removed_afterwards(
    run: Run, service: StubService, screen: Path
) -> None:
    program(screen, "xfreerdp")
    service.answers["Connect"] = ConnectResponse(host=f"{ENG}/hosts/pc-1", rdp_file_content=CONTENT)

    done = run("connect", "eng", "--open", "--verbose")

    assert done.exit_code == 0, done.stderr
    arguments, mode, content = noted(screen)
    assert content == CONTENT
    assert Path(arguments[-1]).name == "pc-1.rdp"
    assert not mode & (stat.S_IRWXG | stat.S_IRWXO)
    assert not Path(arguments[-1]).parent.exists()
    assert "opening pc-1 with xfreerdp" in done.stderr
    assert "HOST:            pc-1\n" in done.stdout


def test_a_client_of_ones_own_may_have_words(
    run: Run, service: StubService, screen: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rdp_client, "_READ_SECONDS", 0.0)
    program(screen, "my-client")
    service.answers["Connect"] = ConnectResponse(host=f"{ENG}/hosts/pc-1")

    done = run("connect", "eng", "--open", "--client", "my-client /cert:tofu '/u:a b'")

    assert done.exit_code == 0, done.stderr
    assert noted(screen)[0][:2] == ["/cert:tofu", "/u:a b"]


@pytest.mark.parametrize("words", ["{} /cert:tofu", "/cert:tofu"])
def test_freerdp_gets_the_file_first(tmp_path: Path, words: str) -> None:
    client = find_client(f"{program(tmp_path, 'xfreerdp')} {words}", {})
    (tmp_path / "xfreerdp").write_text(f"#!/bin/sh\necho $* > {tmp_path}/words\n")

    client.open(CONTENT, title="pc-1")

    file, flag = (tmp_path / "words").read_text().split()
    assert Path(file).name == "pc-1.rdp"
    assert flag == "/cert:tofu"


@pytest.mark.parametrize(
    ("body", "code", "words"),
    [
        ("sys.exit(12)", 0, ""),  # FreeRDP: the user logged off
        ("sys.exit(147)", 1, "xfreerdp ended with code 147; its own messages are above"),
        ("sys.exit(1)", 1, "xfreerdp ended with code 1"),  # FreeRDP: there is no screen
        ("sys.exit(22)", 1, "xfreerdp ended with code 22"),  # FreeRDP: it cannot read the file
        ("os.kill(os.getpid(), 9)", 1, "xfreerdp ended with code -9"),
    ],
)
def test_a_client_that_fails_is_an_error_and_a_session_that_ends_is_none(
    run: Run, service: StubService, screen: Path, body: str, code: int, words: str
) -> None:
    program(screen, "xfreerdp", body)
    service.answers["Connect"] = ConnectResponse(host=f"{ENG}/hosts/pc-1")

    done = run("connect", "eng", "--open")

    assert done.exit_code == code
    assert words in done.stderr
    assert not Path(noted(screen)[0][-1]).exists()


# Writes its note once the program that was started has ended.
READS_LATER = """
import os, sys
reading, writing = os.pipe()
if os.fork():
    os._exit(0)  # closes the last writing end but the child's
os.close(writing)
os.read(reading, 1)
content = open(sys.argv[-1], "rb").read()
with open(NOTE + ".new", "wb") as note:
    note.write(content)
os.rename(NOTE + ".new", NOTE)
"""


@pytest.mark.parametrize("name", ["remmina", "my-client"])
def test_a_file_stays_for_a_client_that_hands_it_to_another_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    note = tmp_path / "note"
    script = tmp_path / name
    script.write_text(f"#!{sys.executable}\nNOTE = {str(note)!r}\n{READS_LATER}")
    script.chmod(0o755)
    waits = []

    def until_read(seconds: float) -> None:
        waits.append(seconds)
        while not note.exists():
            pass

    monkeypatch.setattr("time.sleep", until_read)

    find_client(f"{script} -c", {}).open(CONTENT, title="pc-1")

    assert note.read_bytes() == CONTENT
    assert len(waits) == 1


def test_a_program_that_hands_over_and_fails_is_an_error(tmp_path: Path) -> None:
    client = find_client(str(program(tmp_path, "remmina", "sys.exit(1)")), {})

    with pytest.raises(FailedPrecondition, match="remmina ended with code 1;"):
        client.open(CONTENT, title="pc-1")


def test_what_a_client_prints_does_not_mix_with_the_data(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    RdpClient((str(program(tmp_path, "xfreerdp", "print('noise')")),)).open(CONTENT, title="pc-1")

    assert capfd.readouterr() == ("", "noise\n")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_a_signal_while_a_client_is_open_removes_the_file(
    tmp_path: Path, number: signal.Signals
) -> None:
    waiting = "print(os.getpid(), file, file=sys.stderr, flush=True)\nimport signal\nsignal.pause()"
    client = program(tmp_path, "xfreerdp", waiting)
    opening = (
        "import sys; from deskhold.cli.rdp_client import RdpClient;"
        "RdpClient((sys.argv[1],)).open(b'x', title='pc-1')"
    )
    with subprocess.Popen(
        [sys.executable, "-c", opening, client], stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr is not None
        _, file = process.stderr.readline().split()
        assert Path(file).exists()
        process.send_signal(number)
        process.communicate()

    assert not Path(file).parent.exists()


def test_without_room_for_the_file_the_error_says_what_to_do(
    run: Run, service: StubService, screen: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program(screen, "xfreerdp")
    service.answers["Connect"] = ConnectResponse(host=f"{ENG}/hosts/pc-1", rdp_file_content=CONTENT)
    # No directory can be made there, not even by root.
    monkeypatch.setattr("tempfile.tempdir", "/proc")

    done = run("connect", "eng", "--open")

    assert done.exit_code == 1
    assert "no file for the client can be written: " in done.stderr
    assert "set TMPDIR" in done.stderr


@pytest.mark.parametrize(
    ("programs", "chosen"),
    [
        (["xdg-open", "remmina", "xfreerdp", "xfreerdp3"], RdpClient(("xfreerdp3",))),
        (["xdg-open", "remmina"], RdpClient(("remmina", "-c"))),
        (["xdg-open"], RdpClient(("xdg-open",))),
    ],
)
def test_freerdp_goes_before_remmina_and_that_before_the_desktops_choice(
    tmp_path: Path, programs: list[str], chosen: RdpClient
) -> None:
    for name in programs:
        program(tmp_path, name)

    assert find_client(None, {"PATH": str(tmp_path), "WAYLAND_DISPLAY": "w"}) == chosen


@pytest.mark.parametrize(
    ("chosen", "environ", "words"),
    [
        (None, {"PATH": "/nowhere"}, "there is no screen here"),
        (None, {"PATH": "/nowhere", "DISPLAY": ":1"}, "no Remote Desktop client was found"),
        ("nothing --x", {"PATH": "/nowhere"}, "--client: there is no program 'nothing' on"),
        ("", {"PATH": "/nowhere"}, "--client: there is no program '' on the path"),
        ("xfreerdp '/u:a", {"PATH": "/nowhere"}, "is no command line: No closing quotation"),
    ],
)
def test_without_a_client_the_error_says_what_to_do(
    chosen: str | None, environ: dict[str, str], words: str
) -> None:
    with pytest.raises(FailedPrecondition) as caught:
        find_client(chosen, environ)
    assert words in caught.value.message
    assert caught.value.reason == "RDP_CLIENT_FAILED"


def test_without_a_client_nothing_is_claimed(
    run: Run, service: StubService, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.setenv("DISPLAY", ":1")

    done = run("connect", "eng", "--open")

    assert done.exit_code == 1
    assert service.requests("Connect") == []


@pytest.mark.parametrize(
    "flags", [("--open", "-o", "rdp"), ("--open", "--what-if"), ("--client", "xfreerdp")]
)
def test_flags_that_do_not_go_together_are_wrong_usage(run: Run, flags: tuple[str, ...]) -> None:
    assert run("connect", "eng", *flags).exit_code == 2
