"""`python -m deskhold.embedded`: lay out the state directory, run the services until Ctrl-C.

`init` only lays it out: the first step where something else starts the services.
"""

from __future__ import annotations

import asyncio
import os
import shlex
import shutil
import sys
from pathlib import Path

import click

from deskhold import environment
from deskhold.embedded.child import Service
from deskhold.embedded.home import lay_out
from deskhold.embedded.launcher import Launcher
from deskhold.embedded.paths import SERVICES, Home
from deskhold.errors import DeskholdError, InvalidArgument

_PORTS_FROM = "DESKHOLD_EMBEDDED_PORTS_FROM"
_DEFAULT_BASE_PORT = "7443"


@click.command()
@click.argument(
    "words",
    nargs=-1,
    type=click.Choice(["init", "run", *SERVICES]),
    metavar="init | [run] [rbac] [broker]",
)
def main(words: tuple[str, ...]) -> None:
    """Run both services, or those named, on this machine in the foreground.

    With init, only make what the state directory lacks.

    The state directory is DESKHOLD_HOME, ./var when that is unset; the first start makes it. At
    that first start DESKHOLD_EMBEDDED_PORTS_FROM, 7443 when unset, is the broker's port; rbac takes
    the two after it.
    """
    if "init" in words and len(words) > 1:
        raise click.UsageError("init goes without other words: it starts nothing.")
    try:
        if "init" in words:
            code = _init()
        else:
            code = _run([name for name in SERVICES if name in words] or list(SERVICES))
    except (DeskholdError, OSError, ValueError) as error:
        click.echo(f"deskhold: {error}", err=True)
        code = 1
    sys.exit(code)


def _init() -> int:
    click.echo(f"{_lay_out().path} holds what the services need")
    return 0


def _lay_out() -> Home:
    return lay_out(Path(environment.read(os.environ)[environment.HOME]), _base_port())


def _run(names: list[str]) -> int:
    home = _lay_out()
    environ = {**os.environ, environment.HOME: str(home.path)}
    settings = environment.read(environ)
    services = [
        Service(
            name,
            command=(sys.executable, "-m", f"{name}_service"),
            address=settings[f"DESKHOLD_{name.upper()}_ADDRESS"],
            start_alone=_spell(home, [sys.executable, "-m", "deskhold.embedded", "run", name]),
        )
        for name in names
    ]
    next_step = ""
    if len(services) == len(SERVICES):
        next_step = _next_step(home, is_signed_in=Path(settings["DESKHOLD_TOKEN_FILE"]).exists())
    launcher = Launcher(home, services, environ=environ, say=click.echo, next_step=next_step)
    return asyncio.run(launcher.run())


def _base_port() -> int:
    text = os.environ.get(_PORTS_FROM) or _DEFAULT_BASE_PORT
    if not text.isdecimal():
        raise InvalidArgument(
            f"{_PORTS_FROM} is {text!r}; write a port number",
            reason="PORT_INVALID",
            metadata={"base_port": text},
        )
    return int(text)


def _next_step(home: Home, *, is_signed_in: bool) -> str:
    """Return what a person would do now: become the first Owner, or look around."""
    command = shutil.which("deskhold") or str(Path(sys.executable).with_name("deskhold"))
    if is_signed_in:
        purpose, steps = "see who you are", [["whoami"]]
    else:
        owner = "admin@contoso.com"
        purpose = "name the first Owner and sign in"
        steps = [["bootstrap", "--owner", owner], ["login", "--user", owner]]
    typed = " && ".join(_spell(home, [command, *words]) for words in steps)
    return (
        f"\nIn another terminal, {purpose}:\n\n    {typed}\n\n"
        f"State and logs are in {home.path}; Ctrl-C stops both.\n"
    )


def _spell(home: Home, command: list[str]) -> str:
    """Return a command as it is typed from here, with the home unless it is the default one."""
    program = Path(command[0])
    if shutil.which(program.name) == str(program):
        command = [program.name, *command[1:]]
    elif program.is_relative_to(Path.cwd()):
        command = [str(program.relative_to(Path.cwd())), *command[1:]]
    said = shlex.join(command)
    if home.path == Path("var").resolve():
        return said
    return f"{environment.HOME}={shlex.quote(str(home.path))} {said}"


if __name__ == "__main__":
    main(prog_name="python -m deskhold.embedded")
