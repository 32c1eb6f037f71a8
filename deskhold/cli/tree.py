"""The shape of every command: options that may stand anywhere, an example, one way to fail."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from deskhold.cli import exits
from deskhold.cli.invocation import Invocation
from deskhold.errors import DeskholdError


class Command(click.Command):
    """A command with an example, which takes the global options after its name too."""

    def __init__(self, *args: Any, example: str = "", **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.example = example
        self.params += global_options(hidden=True)

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Print the example below the options."""
        with formatter.section("Example"):
            for line in self.example.strip().splitlines():
                formatter.write(f"{'':>{formatter.current_indent}}{line.strip()}\n")


class Group(click.Group):
    """A noun, or the root: its commands are of the kind above."""

    command_class = Command

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs.setdefault("context_settings", {"help_option_names": ["-h", "--help"]})
        super().__init__(*args, **kwargs)
        self.params += global_options(hidden=False)

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the commands in the order of their definition, which is that of their use."""
        return list(self.commands)


class Root(Group):
    """The one place where errors become messages and exit codes."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run what was asked for; print what failed and leave with its code."""
        try:
            return super().invoke(ctx)
        except DeskholdError as error:
            for line in exits.lines(error):
                click.echo(line, err=True)
            ctx.exit(exits.code(error))
        except KeyboardInterrupt:
            ctx.exit(exits.INTERRUPTED)


def global_options(*, hidden: bool) -> list[click.Parameter]:
    """Return the options that every command knows; the one given last counts."""
    return [
        click.Option(
            ["--token-file"],
            metavar="FILE",
            help="File with the bearer token. [DESKHOLD_TOKEN_FILE; else token in the home]",
            **_kept("token_file", hidden),
        ),
        click.Option(
            ["--home"],
            metavar="DIRECTORY",
            help="State directory, whose deskhold.env says where the services are."
            " [DESKHOLD_HOME; else ./var]",
            **_kept("home", hidden),
        ),
        click.Option(
            ["--verbose"],
            is_flag=True,
            help="Talk on stderr also when it is no terminal, and name every call.",
            **_kept("verbose", hidden),
        ),
        click.Option(
            ["--debug"],
            is_flag=True,
            help="Show every call with its request and metadata, without secrets.",
            **_kept("debug", hidden),
        ),
    ]


def _kept(attribute: str, hidden: bool) -> dict[str, Any]:
    return {"hidden": hidden, "expose_value": False, "callback": _keep(attribute)}


def _keep(attribute: str) -> Callable[[click.Context, click.Parameter, Any], None]:
    def keep(ctx: click.Context, _: click.Parameter, value: Any) -> None:
        invocation = ctx.ensure_object(Invocation)
        if value:
            setattr(invocation, attribute, value)

    return keep
