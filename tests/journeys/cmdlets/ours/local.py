"""What is done where the deployment's own files are: the first Owner, and tokens."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from deskhold.embedded.home import lay_out
from deskhold.embedded.paths import Home
from tests.journeys.cmdlets.cases import Change, Scene, Table
from tests.journeys.cmdlets.desk import Desk

ANNA = "anna@contoso.com"
RDS_OWNER = "3b14baea-8d82-4610-f5da-08d623dd1cc4"
# Nothing is started there, so nothing listens.
_PORT = 40000


def an_empty_deployment(desk: Desk) -> dict[str, str]:
    home = lay_out(desk.pair.home.path / desk.new("empty"), _PORT)
    return {"home": str(home.path), "anna": ANNA}


def a_file_for_a_token(desk: Desk) -> dict[str, str]:
    return {"file": str(desk.pair.home.path / f"{desk.new('new')}.token"), "anna": ANNA}


def users_with_roles(scene: Scene) -> list[dict[str, str]]:
    """Return which users hold what in the deployment of the scene, where no service runs."""
    file = Home(Path(scene.names["home"])).database_file("rbac")
    if not file.exists():
        return []
    statement = (
        "SELECT principal_id AS user, role_id AS role, scope FROM role_assignments"
        " WHERE principal_kind = 'user'"
    )
    with closing(sqlite3.connect(file)) as connection:
        connection.row_factory = sqlite3.Row
        return [dict(row) for row in connection.execute(statement)]


TABLES = (
    Table(
        an_empty_deployment,
        {
            "bootstrap": Change(
                "--home {home} --owner {anna}",
                None,
                users_with_roles,
                [{"user": "{anna}", "role": RDS_OWNER, "scope": "/"}],
            ),
        },
    ),
    Table(
        a_file_for_a_token,
        {
            "login": Change(
                "--user {anna} --token-file {file}",
                None,
                "whoami: --token-file {file}",
                {"principal": {"kind": "PRINCIPAL_KIND_USER", "id": "{anna}"}},
            ),
        },
    ),
)
