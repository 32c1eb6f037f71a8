"""`deskhold publisher`: the certificate that signs `.rdp` files."""

from __future__ import annotations

import click

from deskhold.cli.flags import ScopeFlags, scope_options
from deskhold.cli.invocation import Invocation, passed
from deskhold.cli.output import Column, View, moment, output_option, record, show
from deskhold.cli.tree import Command

_VIEW = View(
    (
        Column("subject", "SUBJECT"),
        Column("sha1_thumbprint", "SHA-1 THUMBPRINT"),
        Column("sha256_thumbprint", "SHA-256 THUMBPRINT"),
        Column("expire_time", "VALID UNTIL", moment),
    ),
    name="sha1_thumbprint",
)


@click.command(cls=Command, example="deskhold publisher -o pem > publisher.pem")
@scope_options
@output_option("table", "json", "yaml", "csv", "name", "pem")
@passed
def publisher(invocation: Invocation, *, where: ScopeFlags, output: str) -> None:
    """Show the certificate that signs `.rdp` files, so that clients can trust it.

    The SHA-1 thumbprint is what group policy lists as a trusted publisher. With -o pem, prints the
    certificate and the chain above it. The exit code is 3 when files are not signed.
    """
    found = invocation.client.get_publisher(where.or_deployment())
    if output == "pem":
        click.echo(found.certificates, nl=False)
    else:
        show(record(found), _VIEW, output)
