"""A migrated store of its own for a test, and what the use cases need besides."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, TypeVar

from sqlalchemy import Connection, event, select

from broker_service import tables
from broker_service.assignments.imports import Transfers
from broker_service.assignments.rules import Person
from broker_service.assignments.usecases import Assignments
from broker_service.collections import store
from broker_service.collections.rules import Collection, CollectionType, Draft
from broker_service.history.rules import Author
from broker_service.hosts.rules import NewHost
from broker_service.hosts.usecases import Hosts, add_hosts
from broker_service.sessions.usecases import Sessions, WayIn
from deskhold.chassis.database import Database
from deskhold.identities import Domains
from deskhold.names import DESKTOP_APP_GROUP, parse
from tests.broker_service.pair import Dump, dump

DOMAINS = Domains.parse("CONTOSO=contoso.com")
AUTHOR = Author("user:admin@contoso.com", "request-1", "d-1", 1_000_000)
TENANT = "tenantGroups/default/tenants/default"
ENG = f"{TENANT}/collections/eng"

Result = TypeVar("Result")


class Store:
    """One process's view of a store: the database and the use cases above it."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.database = Database(url)
        self.hosts = Hosts(self.database)
        self.assignments = Assignments(self.database, DOMAINS)
        self.transfers = Transfers(self.database, DOMAINS)
        self.sessions = Sessions(self.database, DOMAINS)

    async def commit(self, work: Callable[[Connection], Any]) -> Any:
        """Run one unit of work as the servicers' commit does, without encoding its result."""
        return await self.database.writer.call(work)

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

        return await self.database.writer.call(work)

    async def set(self, user: str, host_id: str, *, force: bool = False) -> Any:
        return await self.assignments.set(
            ENG, user=user, host_id=host_id, force=force, author=AUTHOR, commit=self.commit
        )

    async def remove(self, *, user: str = "", host_id: str = "") -> Any:
        return await self.assignments.remove(
            ENG, user=user, host_id=host_id, author=AUTHOR, commit=self.commit
        )

    async def add_hosts(self, *host_ids: str) -> Any:
        wanted = [NewHost(host_id) for host_id in host_ids]
        return await self.hosts.add(ENG, wanted, now_us=1, commit=self.commit)

    async def remove_hosts(self, *host_ids: str, force: bool = False) -> Any:
        return await self.hosts.remove(
            ENG, host_ids, force=force, author=AUTHOR, commit=self.commit
        )

    async def import_file(self, content: bytes, *, replace: bool = False) -> Any:
        return await self.transfers.import_file(
            ENG, content, replace=replace, validate_only=False, author=AUTHOR, commit=self.commit
        )

    async def connect(self, user: str, *, name: str = ENG) -> WayIn:
        # An author of its own, as every call has.
        return await self.sessions.connect(parse(name), user, replace(AUTHOR))

    async def holdings(self) -> dict[str, str]:
        """Return who holds which host: user key by host key."""
        query = select(tables.hosts.c.host_key, tables.hosts.c.user_key)
        rows = await self._rows(query.where(tables.hosts.c.user_key.is_not(None)))
        return {row.host_key: row.user_key for row in rows}

    async def history(self) -> list[Any]:
        return list(await self._rows(select(tables.history).order_by(tables.history.c.id)))

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

    async def _rows(self, query: Any) -> Sequence[Any]:
        return await self.database.read(lambda connection: connection.execute(query).all())


def person(user: str) -> Person:
    return Person(user, DOMAINS.user_key(user))


def plans(connection: Connection, work: Callable[[], object], containing: str) -> list[str]:
    """Return how the database runs the queries of some work that contain a text.

    A plan says `using INDEX`, and `sort` where that does not give the order, on each engine.
    """
    explain = "EXPLAIN QUERY PLAN"
    if connection.dialect.name == "postgresql":
        explain = "EXPLAIN"
        connection.exec_driver_sql("ANALYZE")  # it does so by itself, but not at once
    seen: list[tuple[str, Any]] = []

    def see(_: object, __: object, statement: str, parameters: Any, *___: object) -> None:
        seen.append((statement, parameters))

    event.listen(connection.engine, "before_cursor_execute", see)
    work()
    event.remove(connection.engine, "before_cursor_execute", see)
    explained = (
        connection.exec_driver_sql(f"{explain} {statement}", parameters)
        for statement, parameters in seen
        if containing in statement
    )
    # SQLite's words are in the last column, PostgreSQL's in the only one.
    told = ("; ".join(row[-1] for row in rows).lower() for rows in explained)
    return [plan.replace("using index", "using").replace("temp b-tree", "sort") for plan in told]


def pcs(count: int, *, start: int = 1) -> list[str]:
    """Return host ids: `pc-00001`, `pc-00002`, ..."""
    return [f"pc-{number:05}" for number in range(start, start + count)]
