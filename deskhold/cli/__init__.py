"""The command line: nouns, then verbs; data on stdout, talk on stderr and only on a terminal.

It promises exit codes that scripts can branch on (`deskhold.cli.exits`), output that programs can
read (`-o json|yaml|csv|name`), and to ask before it removes. It decides nothing: what a caller may
do is the services' answer. It refuses to import grpc before a command calls a service.
"""

from __future__ import annotations

import click

from deskhold import __version__
from deskhold.cli.access import can_i, explain, whoami
from deskhold.cli.access_lists import permissions, where_can, who_can
from deskhold.cli.app_group import app_group
from deskhold.cli.assignment import assignment
from deskhold.cli.audit import audit
from deskhold.cli.collection import collection
from deskhold.cli.connect import connect, resolve
from deskhold.cli.diagnostics import diagnostics
from deskhold.cli.doctor import doctor
from deskhold.cli.group import group
from deskhold.cli.host_change import host
from deskhold.cli.local import bootstrap, login
from deskhold.cli.policy import policy
from deskhold.cli.publisher import publisher
from deskhold.cli.role import role
from deskhold.cli.role_assignment import role_assignment
from deskhold.cli.scope import scope
from deskhold.cli.session import session
from deskhold.cli.tree import Root
from deskhold.cli.watch import watch
from deskhold.cli.what_if import what_if

__all__ = ["main"]


@click.group(cls=Root)
@click.version_option(__version__, prog_name="deskhold")
def main() -> None:
    """Personal desktops: collections, their hosts, who holds which, and who may do what.

    Exit codes: 0 done, 1 failed, 2 wrong usage, 3 not found, 4 denied or not signed in,
    5 unavailable, 130 interrupted.
    """


for _command in (
    bootstrap,
    login,
    whoami,
    collection,
    app_group,
    host,
    assignment,
    connect,
    resolve,
    publisher,
    diagnostics,
    watch,
    session,
    role,
    role_assignment,
    group,
    scope,
    can_i,
    explain,
    who_can,
    where_can,
    permissions,
    what_if,
    policy,
    audit,
    doctor,
):
    main.add_command(_command)
