"""A Remote Desktop host that is not ours: Debian's xrdp, in namespaces of its own."""

from __future__ import annotations

import re
import secrets
import socket
import subprocess
from collections.abc import Sequence
from pathlib import Path

from tests.rdp.facts import excerpts, text_of, wait_for

ADDRESS = "127.0.0.1"
_HERE = Path(__file__).parent
_PACKAGED = Path("/etc/xrdp")
_ATTEMPTS = 5
# The kernel kills what is started so when pytest ends, in whatever way.
ENDS_WITH_THE_TESTS = ("setpriv", "--pdeathsig", "KILL", "--")
# `--kill-child`: and the whole namespace ends with the first process.
_MACHINE = (
    *ENDS_WITH_THE_TESTS,
    *("unshare", "--mount", "--pid", "--mount-proc", "--uts", "--fork", "--kill-child"),
)


class Host:
    """One machine with accounts, an RDP listener and a session log.

    Args:
        folder: A folder of its own, for configuration, logs and evidence.
        name: Its host name.
        colour: The colour of its desktops, as `#rrggbb`.
        users: Its accounts.

    Attributes:
        port: The port of its RDP listener on 127.0.0.1, once started.
        passwords: The password of each account.
    """

    def __init__(self, folder: Path, *, name: str, colour: str, users: Sequence[str]) -> None:
        self.name = name
        self.colour = colour
        self.port = 0
        self.passwords = {user: secrets.token_urlsafe(12) for user in users}
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def logs(self) -> dict[str, Path]:
        """The logs of its programs, by title."""
        names = ("host.out", "xrdp.log", "xrdp.out", "sesman.log", "sesman.out")
        return {f"{self.name} {name}": self._folder / name for name in names}

    def start(self) -> None:
        """Start it on free ports; returns when it listens.

        Raises:
            AssertionError: It does not start, on whatever ports.
        """
        for attempt in range(1, _ATTEMPTS + 1):
            self._configure()
            if self._serves():
                return
            self.stop()
            print(f"{self.name}: attempt {attempt} to start failed\n{excerpts(self.logs)}")
        raise AssertionError(f"{self.name} did not start\n{excerpts(self.logs)}")

    def stop(self) -> None:
        """End every process on it at once, as a power cut would; returns when nothing listens."""
        if self._process is None:
            return
        self._process.kill()
        self._process.wait()
        self._process = None
        wait_for(f"{self.name} listens no more", lambda: not self._listens(), logs=self.logs)

    def end_desktops(self) -> None:
        """End the programs of its desktops, as users do who sign out."""
        assert self._process is not None, f"{self.name} does not run"
        machine = self._process.pid
        inside = Path(f"/proc/{machine}/task/{machine}/children").read_text().split()[0]
        enter = ["nsenter", "--target", inside, "--pid", "--mount"]
        subprocess.run([*enter, "pkill", "-x", "xclock"], check=True)

    def has_created_session_of(self, account: str) -> bool:
        """Whether the session log tells of a new session."""
        return f"++ created session (access granted): username {account}, ip" in self.session_log

    def has_reconnected_session_of(self, account: str) -> bool:
        """Whether the session log tells of a session that was taken up again."""
        return f"++ reconnected session: username {account}, " in self.session_log

    def has_been_asked_to_run(self, program: str) -> bool:
        """Whether the session log tells of a program that a client wants instead of a desktop."""
        return (
            re.search(
                rf"user requested window manager on display \d+: {re.escape(program)}$",
                self.session_log,
                re.MULTILINE,
            )
            is not None
        )

    def has_refused(self, account: str) -> bool:
        """Whether the session log tells of a sign-in with a wrong password."""
        return f"AUTHFAIL: user={account} " in self.session_log

    def desktop_of(self, account: str) -> tuple[str, ...]:
        """Return the host name and account that a desktop wrote down; empty before it is up."""
        return tuple(text_of(self._folder / "desktops" / account).split()[:2])

    @property
    def session_log(self) -> str:
        """Everything that xrdp's session manager has logged."""
        return text_of(self._folder / "sesman.log")

    def _configure(self) -> None:
        with socket.socket() as rdp, socket.socket() as sessions:
            rdp.bind((ADDRESS, 0))
            sessions.bind((ADDRESS, 0))
            self.port = rdp.getsockname()[1]
            for log in self.logs.values():
                log.unlink(missing_ok=True)
            self._write_configuration(session_manager_port=sessions.getsockname()[1])

    def _write_configuration(self, *, session_manager_port: int) -> None:
        desktops = self._folder / "desktops"
        desktops.mkdir(parents=True, exist_ok=True)
        desktops.chmod(0o1777)
        (self._folder / "colour").write_text(self.colour)
        accounts = (f"{user}:{password}\n" for user, password in self.passwords.items())
        (self._folder / "accounts").write_text("".join(accounts))
        desktop = self._folder / "desktop"
        desktop.write_bytes((_HERE / "desktop.sh").read_bytes())
        desktop.chmod(0o755)
        self._configure_packaged(
            "xrdp.ini", port=f"tcp://{ADDRESS}:{self.port}", LogFile="/mnt/xrdp.log"
        )
        self._configure_packaged(
            "sesman.ini",
            ListenPort=str(session_manager_port),
            LogFile="/mnt/sesman.log",
            EnableUserWindowManager="false",
            DefaultWindowManager="/mnt/desktop",
            # Abstract X sockets cross mount namespaces: each host counts its displays from where no
            # other does.
            X11DisplayOffset=str(self.port - 25000),
        )

    def _configure_packaged(self, name: str, **settings: str) -> None:
        text = (_PACKAGED / name).read_text()
        for key, value in settings.items():
            # The first of a key is the service's own; those of later sections have other meanings.
            text, replaced = re.subn(rf"(?m)^{key}=.*$", f"{key}={value}", text, count=1)
            assert replaced, f"{_PACKAGED / name} has no line {key}="
        (self._folder / name).write_text(text.replace("EnableSyslog=true", "EnableSyslog=false"))

    def _serves(self) -> bool:
        with (self._folder / "host.out").open("ab") as out:
            process = subprocess.Popen(
                [*_MACHINE, str(_HERE / "host.sh"), str(self._folder), self.name],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
            )
        self._process = process
        wait_for(
            f"{self.name} listens on port {self.port}",
            lambda: self._says_that_it_listens() or process.poll() is not None,
            logs=self.logs,
        )
        return process.poll() is None

    def _says_that_it_listens(self) -> bool:
        return "xrdp_listen_pp done" in text_of(self._folder / "xrdp.log")

    def _listens(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex((ADDRESS, self.port)) == 0
