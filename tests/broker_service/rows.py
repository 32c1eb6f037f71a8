"""A migrated store of its own for a test: its rows, as one process reads and writes them."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy import Connection, Table, delete, insert, select, update

from broker_service import tables
from broker_service.collections import store
from broker_service.collections.rules import Collection, CollectionType, Draft
from broker_service.hosts.rules import NewHost
from broker_service.hosts.store import reckon
from broker_service.hosts.usecases import add_hosts
from deskhold.chassis.db import Database
from deskhold.identities import Domains
from deskhold.names import DESKTOP_APP_GROUP
from tests.broker_service.pair import Dump, dump

DOMAINS = Domains.parse("CONTOSO=contoso.com")
TENANT = "tenantGroups/default/tenants/default"
ENG = f"{TENANT}/collections/eng"


class Rows:
    """The rows of a store, without the use cases above it."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.database = Database(url)

    async def commit(self, work: Callable[[Connection], Any]) -> Any:
        """Run one unit of work as the servicers' commit does, without encoding its result."""
        return await self.database.write(work)

    async def make(
        self, *host_ids: str, name: str = ENG, type: str = "PERSONAL", **settings: Any
    ) -> Collection:
        """Add a collection with hosts, without a scope."""
        draft: dict[str, Any] = {
            "display_name": "",
            "description": "",
            "auto_assign_user": False,
            "grant_administrative_privilege": False,
            "max_desktops_per_user": 1,
        } | settings

        def work(connection: Connection) -> Collection:
            made = store.insert_collection(
                connection,
                name=name,
                tenant=name.partition("/collections/")[0],
                uid=str(uuid.uuid4()),
                draft=Draft(type=CollectionType(type), **draft),
                app_group_ids=(DESKTOP_APP_GROUP,),
                now_us=1,
            )
            add_hosts(connection, made, [NewHost(host_id) for host_id in host_ids], 1)
            return made

        return await self.database.write(work)

    async def changed(self) -> list[tuple[str, str]]:
        """Return what was noted since this was last asked: kind and name, below the collection."""

        def work(connection: Connection) -> list[tuple[str, str]]:
            query = select(tables.changes).order_by(tables.changes.c.id)
            rows = connection.execute(query).all()
            connection.execute(delete(tables.changes))
            return [(row.kind, row.name.removeprefix(f"{ENG}/")) for row in rows]

        return await self.database.write(work)

    async def write(self, statement: Any) -> None:
        """Run a statement, for what other rooms write."""
        await self.database.write(lambda connection: connection.execute(statement).rowcount)

    async def change_host(self, key: str, **values: Any) -> None:
        """Write into the row of a host, and bring up to date what claims go by."""

        def work(connection: Connection) -> None:
            query = update(tables.hosts).where(tables.hosts.c.host_key == key)
            connection.execute(query.values(values))
            reckon(connection, [_number(connection, key)])

        await self.commit(work)

    async def keep(self, user: str, key: str, until_us: int) -> None:
        """Keep a host for a user."""
        await self.change_host(
            key,
            reserved_user=user,
            reserved_user_key=DOMAINS.user_key(user),
            reserved_until_us=until_us,
            reserved_by="user:admin@contoso.com",
        )

    async def say(self, key: str, status: str) -> None:
        """Say how a host is, as its agent would for the first time."""

        def work(connection: Connection) -> None:
            host = _number(connection, key)
            values: dict[str, Any] = {"host": host, "status": status, "heartbeat_us": 1}
            values |= {"boot_id": "", "agent_version": "", "health_checks": "[]"}
            connection.execute(insert(tables.host_reports).values(administrators="[]", **values))
            reckon(connection, [host])

        await self.commit(work)

    async def sign_in(self, user: str, key: str, session_id: int) -> None:
        """Report a session, as the host's agent would, except that it is not counted as load."""

        def work(connection: Connection) -> None:
            host = connection.execute(
                select(tables.hosts).where(tables.hosts.c.host_key == key)
            ).one()
            connection.execute(
                insert(tables.sessions).values(
                    host=host.id,
                    session_id=session_id,
                    collection_id=host.collection_id,
                    user=user,
                    user_key=DOMAINS.user_key(user),
                    state="ACTIVE",
                    idle_us=0,
                    client_name="",
                    client_address="",
                    application_id="",
                    reported_us=1,
                )
            )

        await self.commit(work)

    async def host_rows(self) -> Sequence[Any]:
        """Return the rows of all hosts by key."""
        return await self.rows(select(tables.hosts).order_by(tables.hosts.c.host_key))

    async def holdings(self) -> dict[str, str]:
        """Return who holds which host: user key by host key."""
        query = select(tables.hosts.c.host_key, tables.hosts.c.user_key)
        rows = await self.rows(query.where(tables.hosts.c.user_key.is_not(None)))
        return {row.host_key: row.user_key for row in rows}

    async def history(self) -> list[Any]:
        return list(await self.rows(select(tables.history).order_by(tables.history.c.id)))

    async def replayed_history(self) -> dict[str, str]:
        """Return who holds which host by what history tells; it must be possible at every step."""
        holdings: dict[str, str] = {}
        for row in await self.history():
            key = row.host_id.lower()
            if row.event == "ASSIGNED":
                assert key not in holdings, f"{key} was given away while it was held"
                holdings[key] = row.user_key
            else:
                assert holdings.pop(key) == row.user_key
        return holdings

    def dump(self) -> Dump:
        return dump(self.url)

    async def rows(self, of: Any) -> Sequence[Any]:
        """Return every row of a table, or what a query finds."""
        return await self._rows(select(of) if isinstance(of, Table) else of)

    async def _rows(self, query: Any) -> Sequence[Any]:
        return await self.database.read(lambda connection: connection.execute(query).all())


def _number(connection: Connection, key: str) -> int:
    query = select(tables.hosts.c.id).where(tables.hosts.c.host_key == key)
    return int(connection.execute(query).scalar_one())
