"""The command tree as a whole."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from deskhold import errors
from deskhold.api.rbac.v1.access_pb2 import WhoAmIResponse
from deskhold.cli import main
from deskhold.cli.tree import Command
from tests.deskhold.cli.conftest import Run
from tests.deskhold.stub_service import StubService

# Scripts are written against these spellings.
SPELLINGS = {
    "bootstrap": "--owner",
    "login": "--user --local",
    "whoami": "",
    "collection create": "--type --auto-assign --grant-admin --host",
    "collection list": "",
    "collection show": "",
    "collection delete": "--force",
    "publisher": "--infrastructure --tenant",
    "host add": "--collection --host-pool --address --port --friendly-name --new-connections"
    " --weight --session-limit",
    "host list": "--collection --assigned --free --draining --unhealthy --reserved --quarantined"
    " --unmonitored --rights-pending",
    "host show": "--collection",
    "host update": "--collection --address --port --friendly-name --new-connections --weight"
    " --session-limit",
    "host drain": "--collection --until-reboot",
    "host undrain": "--collection",
    "host move": "--collection --to",
    "host remove": "--collection --force --what-if",
    "assignment set": "--collection --user --host --force --etag",
    "assignment list": "--collection --user --host",
    "assignment remove": "--collection --user --host --etag --force --what-if",
    "assignment swap": "--collection --etag --other-etag",
    "assignment move": "--collection --host --to --user --etag",
    "assignment reserve": "--collection --host --user --until",
    "assignment cancel-reservation": "--collection --host --force --yes --what-if",
    "assignment confirm-release": "--collection --force",
    "assignment history": "--collection --user --host --at",
    "assignment import": "--collection --replace --validate-only",
    "assignment export": "--collection",
    "diagnostics list": "--infrastructure --deployment --tenant-group --tenant --user --collection"
    " --host-pool --host --kind --outcome --since --until --request --limit",
    "watch": "--collection --host-pool --tenant-group --tenant --kind --from",
    "session list": "--collection --host --user --state --tenant",
    "session show": "--collection --host",
    "session disconnect": "--collection --host --force",
    "session log-off": "--collection --host --force",
    "session message": "--collection --host --title --body",
    "session command": "",
    "collection update": "--display-name --description --max-desktops --release-policy"
    " --load-balancing --max-sessions-per-host --active-session-limit --disconnected-session-limit"
    " --idle-session-limit --rdp-property --no-rdp-properties --etag --validate-only",
    "app-group create": "--collection --type --display-name --description",
    "app-group list": "--collection",
    "app-group show": "--collection",
    "app-group update": "--collection --display-name --description --etag --validate-only",
    "app-group delete": "--collection --force --what-if",
    "app-group application add": "--collection --app-group --path --display-name --arguments"
    " --icon",
    "app-group application remove": "--collection --app-group --force --what-if",
    "doctor": "--repair --force --infrastructure --tenant-group --tenant",
    "connect": "--user --app-group --application --host --what-if",
    "resolve": "--tenant-group --tenant",
    "role list": "--deleted --infrastructure --tenant",
    "role show": "--infrastructure --tenant",
    "role create": "--name --description --action --not-action --assignable --file",
    "role update": "--name --description --action --not-action --assignable --file --scope",
    "role delete": "--force --yes --what-if --scope",
    "role undelete": "--scope",
    "role versions": "--scope",
    "role actions": "",
    "role grantable": "--infrastructure --tenant",
    "role lint": "",
    "role-assignment create": "--role --role-definition-name --user --sign-in-name"
    " --service-principal --application-id --group --group-object-id --directory --aad-tenant-id"
    " --infrastructure --deployment --tenant-group --tenant --collection --host-pool --app-group"
    " --diagnostics --from --until --for --delegate-role --delegate-kind --delegate-to-user"
    " --delegate-to-group --delegate-for",
    "role-assignment list": "--infrastructure --diagnostics --through-groups",
    "group create": "--display-name",
    "group list": "",
    "group show": "",
    "group delete": "--force --yes --what-if",
    "group add": "--user --service-principal --group",
    "group remove": "--user --service-principal --group --force --yes --what-if",
    "group members": "",
    "role-assignment remove": "--role --user --infrastructure --force --what-if",
    "scope create": "--tenant-group --tenant",
    "scope list": "--tenant-group --tenant",
    "scope delete": "--tenant-group --tenant --force --what-if",
    "can-i": "--infrastructure --collection --user --group --service-principal --token",
    "explain": "--infrastructure --collection --user --group --service-principal --token-group",
    "who-can": "--infrastructure --collection",
    "where-can": "--user --infrastructure",
    "permissions": "--user --infrastructure",
    "what-if": "--assign --remove --join --leave --action --user --infrastructure",
    "policy export": "--infrastructure --tenant",
    "policy import": "--replace --dry-run --yes --infrastructure --tenant",
    "policy test": "--junit",
    "audit log": "--after --actor --since --before --limit",
    "audit verify": "",
    "audit decisions": "--denied --principal --decision --limit",
    "audit watch": "--after",
}


def commands(group: click.Group = main, path: str = "") -> Iterator[tuple[str, click.Command]]:
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from commands(command, f"{path}{name} ")
        else:
            yield path + name, command


def test_the_spellings_are_these() -> None:
    known = {
        path: {opt for one in command.params for opt in one.opts} for path, command in commands()
    }

    assert set(known) == set(SPELLINGS)
    for path, options in SPELLINGS.items():
        assert set(options.split()) <= known[path], path


@pytest.mark.parametrize(
    ("path", "command"), list(commands()), ids=[path for path, _ in commands()]
)
def test_help_has_an_example_that_the_command_would_take(
    path: str, command: click.Command, run: Run
) -> None:
    assert isinstance(command, Command)
    assert f"deskhold {path}" in command.example

    shown = run(*path.split(), "--help")
    assert shown.exit_code == 0
    assert f"Example:\n  {command.example}" in shown.stdout


SHOWING = {
    "whoami",
    "connect",
    "resolve",
    "can-i",
    "explain",
    "who-can",
    "where-can",
    "permissions",
    "what-if",
}
SHOWING |= {f"role {verb}" for verb in ("versions", "actions", "grantable", "lint")}
SHOWING |= {"group members", "policy test", "audit log", "audit verify", "audit decisions"}


@pytest.mark.parametrize(
    "path",
    [path for path in SPELLINGS if path.partition(" ")[2] in ("list", "show") or path in SHOWING],
)
def test_what_shows_takes_every_form_of_output(path: str, run: Run) -> None:
    help_text = " ".join(run(*path.split(), "--help").stdout.split())

    assert "[table|json|yaml|csv|name" in help_text


def test_help_imports_neither_grpc_nor_rich_nor_yaml() -> None:
    code = (
        "import sys; from deskhold.cli import main\n"
        "main(['assignment', 'import', '--help'], standalone_mode=False)\n"
        "late = ('grpc', 'google.protobuf', 'rich', 'yaml', 'jwt', 'cryptography')\n"
        "print([one for one in late if one in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.splitlines()[-1] == "[]"


def test_global_options_stand_before_or_after_the_command(
    run: Run, service: StubService, tmp_path_factory: pytest.TempPathFactory
) -> None:
    service.answers["WhoAmI"] = WhoAmIResponse()
    other = tmp_path_factory.mktemp("other") / "token"
    other.write_text("other-token")

    assert run("whoami").exit_code == 0
    assert run("--token-file", str(other), "whoami").exit_code == 0
    assert run("whoami", "--token-file", str(other)).exit_code == 0

    sent = [one.metadata["authorization"] for one in service.seen]
    assert sent == ["Bearer the-token", "Bearer other-token", "Bearer other-token"]


def test_a_service_error_is_printed_with_its_request_id_and_becomes_an_exit_code(
    run: Run, service: StubService
) -> None:
    service.answers["WhoAmI"] = errors.PermissionDenied("you may not", request_id="r-1")

    done = run("whoami")

    assert (done.exit_code, done.stdout) == (4, "")
    assert done.stderr == "error: you may not\n  reason: ACTION_DENIED\n  request id: r-1\n"


def test_without_services_the_exit_code_says_unavailable(run: Run, service: StubService) -> None:
    service.stop()

    done = run("whoami")

    assert done.exit_code == 5
    assert "nobody listens at" in done.stderr


def test_a_broken_settings_file_is_named(run: Run, home: Path) -> None:
    (home / "deskhold.env").write_text("nonsense\n")

    done = run("whoami")

    assert done.exit_code == 1
    assert "deskhold.env, line 1" in done.stderr


def test_debug_shows_calls_without_secrets(run: Run, service: StubService) -> None:
    service.answers["WhoAmI"] = WhoAmIResponse()

    done = run("whoami", "--debug")

    assert "AccessService/WhoAmI OK" in done.stderr
    assert "authorization: ***" in done.stderr
    assert "the-token" not in done.output


def test_verbose_names_calls_and_silence_is_the_default(run: Run, service: StubService) -> None:
    service.answers["WhoAmI"] = WhoAmIResponse()

    assert "AccessService/WhoAmI OK" in run("whoami", "--verbose").stderr
    assert run("whoami").stderr == ""


def test_the_version_is_printed(run: Run) -> None:
    assert run("--version").stdout.startswith("deskhold, version ")
