"""`deskhold bootstrap` and `login`: what is done where the deployment's own files are."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import click

from deskhold.cli.files import PRIVATE, write_atomically
from deskhold.cli.invocation import Invocation, passed
from deskhold.cli.tree import Command
from deskhold.errors import FailedPrecondition
from deskhold.identities import Domains


@click.command(cls=Command, example="deskhold bootstrap --owner admin@contoso.com")
@click.option("--owner", metavar="U", required=True, help="DOMAIN\\user or user@domain.")
@passed
def bootstrap(invocation: Invocation, *, owner: str) -> None:
    """Make a user the first Owner of an empty deployment.

    Works on the machine and with the rights of the RBAC service, once; every other role is
    assigned by somebody who holds one.
    """
    Domains().user_key(owner, field="--owner")
    if not {"DESKHOLD_RBAC_DATABASE_URL", "DESKHOLD_DATABASE_URL"} & invocation.settings.keys():
        raise FailedPrecondition(
            "nothing says where the RBAC service keeps its data: DESKHOLD_RBAC_DATABASE_URL is not"
            " set; run 'make run' first, or use --home",
            reason="NOT_CONFIGURED",
            metadata={"setting": "DESKHOLD_RBAC_DATABASE_URL"},
        )
    command = [sys.executable, "-m", "rbac_service", "bootstrap", "--owner", owner]
    done = subprocess.run(command, env=invocation.environ, check=False)
    click.get_current_context().exit(done.returncode)


@click.command(
    cls=Command,
    short_help="Sign in as a user.",
    example="deskhold login --user admin@contoso.com",
)
@click.option("--user", metavar="U", required=True, help="DOMAIN\\user or user@domain.")
@click.option("--local", is_flag=True, help="Let the deployment's local issuer sign. The default.")
@click.option(
    "--group", "groups", metavar="G", multiple=True, help="Id of a group of U; may be repeated."
)
@passed
def login(invocation: Invocation, *, user: str, local: bool, groups: tuple[str, ...]) -> None:
    """Sign in as a user: write a token for 12 hours to the token file.

    The local issuer signs for whoever can read its key, and asks for no password.
    """
    Domains().user_key(user, field="--user")
    from deskhold import issuer

    settings = invocation.settings
    signer = issuer.Issuer(
        issuer=_needed(settings, "DESKHOLD_TOKEN_ISSUER"),
        audience=_needed(settings, "DESKHOLD_TOKEN_AUDIENCE"),
        key=issuer.load_key(_needed(settings, "DESKHOLD_ISSUER_KEY_FILE")),
    )
    token = issuer.sign(signer, user, groups=groups)
    path = Path(settings["DESKHOLD_TOKEN_FILE"])
    try:
        write_atomically(path, f"{token}\n".encode(), mode=PRIVATE)
    except OSError as error:
        raise click.FileError(str(path), error.strerror) from error
    invocation.say(f"signed in as {user}; the token is in {path}")


def _needed(settings: dict[str, str], key: str) -> str:
    if key in settings:
        return settings[key]
    raise FailedPrecondition(
        f"this deployment has no local issuer here: {key} is not set; run 'make run' first, use"
        " --home, or write a token of your identity provider to the token file",
        reason="NO_LOCAL_ISSUER",
        metadata={"setting": key},
    )
