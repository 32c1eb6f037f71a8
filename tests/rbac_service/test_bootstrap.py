from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from deskhold.chassis.db import Connection, Database
from deskhold.embedded.home import lay_out
from deskhold.embedded.paths import Home
from deskhold.errors import DeskholdError, FailedPrecondition, InvalidArgument
from deskhold.identities import Domains
from rbac_service import tables
from rbac_service.bootstrap import bootstrap
from rbac_service.roles.builtin import ENFORCEMENT_POINT_ID, OWNER_ID
from tests.databases import Databases
from tests.rbac_service.chain import first_broken
from tests.rbac_service.running import Deployment, environ

DOMAINS = Domains.parse("CONTOSO=contoso.com")
BROKER = "spiffe://deskhold/broker"


async def name(database: Database, owner: str) -> None:
    await bootstrap(database, DOMAINS, owner=owner, enforcement_point=BROKER, now_us=17)


async def rows(database: Database, table: Any) -> list[Any]:
    def work(connection: Connection) -> list[Any]:
        return list(connection.execute(select(table)).mappings())

    return await database.read(work)


async def test_the_first_revision_is_the_owner_the_broker_and_the_first_scopes(
    database: Database,
) -> None:
    await name(database, "CONTOSO\\Admin")

    assert [scope["path"] for scope in await rows(database, tables.scopes)] == [
        "/",
        "/diagnostics",
        "/tenantGroups/default",
        "/tenantGroups/default/tenants/default",
        "/tenantGroups/default/tenants/default/diagnostics",
    ]
    assert {
        (held["principal_key"], held["role_id"], held["scope"])
        for held in await rows(database, tables.role_assignments)
    } == {
        ("user:admin@contoso.com", OWNER_ID, "/"),
        (f"service_principal:{BROKER}", ENFORCEMENT_POINT_ID, "/"),
    }
    (entry,) = await rows(database, tables.log)
    assert (entry["revision"], entry["actor"]) == (1, "local:bootstrap")
    assert first_broken([entry]) is None


async def test_a_second_owner_is_not_named_this_way(database: Database) -> None:
    await name(database, "admin@contoso.com")

    with pytest.raises(FailedPrecondition, match="role-assignment create") as refused:
        await name(database, "other@contoso.com")

    assert refused.value.reason == "ALREADY_BOOTSTRAPPED"
    assert refused.value.metadata == {"revision": "1"}
    assert len(await rows(database, tables.log)) == 1


async def test_of_several_at_the_same_moment_one_is_named(database: Database) -> None:
    named = await asyncio.gather(
        *(name(database, f"admin-{number}@contoso.com") for number in range(5)),
        return_exceptions=True,
    )

    refusals = [one for one in named if isinstance(one, DeskholdError)]
    assert [one.reason for one in refusals] == ["ALREADY_BOOTSTRAPPED"] * 4
    assert len(await rows(database, tables.role_assignments)) == 2


@pytest.mark.parametrize("owner", ["", "admin", "admin@", "a\n@contoso.com"])
async def test_an_owner_who_is_no_user_is_refused_and_the_store_stays_empty(
    database: Database, owner: str
) -> None:
    with pytest.raises(InvalidArgument, match="owner:"):
        await name(database, owner)

    assert await rows(database, tables.log) == []
    await name(database, "admin@contoso.com")


def command(home: Home, url: str, *arguments: str) -> subprocess.Popen[str]:
    """Begin a command of the service."""
    return subprocess.Popen(
        [sys.executable, "-m", "rbac_service", *arguments],
        env=environ(home, DATABASE_URL=url),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.slow
def test_of_two_commands_on_a_new_database_one_names_the_owner(
    databases: Databases, tmp_path: Path
) -> None:
    home, url = lay_out(tmp_path / "var", 40000), databases.new()

    racing = [
        command(home, url, "bootstrap", "--owner", f"admin-{n}@contoso.com") for n in range(2)
    ]
    said = [one.communicate() for one in racing]

    assert sorted(one.returncode for one in racing) == [0, 1]
    (winner,) = (n for n, one in enumerate(racing) if one.returncode == 0)
    assert said[winner] == (
        f"admin-{winner}@contoso.com is the first Owner of this deployment\n",
        "",
    )
    assert "ALREADY_BOOTSTRAPPED" in said[1 - winner][1]
    owners = Deployment(home, url).rows(
        "SELECT principal_id FROM role_assignments WHERE principal_kind = 'user'"
    )
    assert [row["principal_id"] for row in owners] == [f"admin-{winner}@contoso.com"]
