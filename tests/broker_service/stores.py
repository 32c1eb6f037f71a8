"""A migrated store of its own for a test, and what the use cases need besides."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, Self, TypeVar

from sqlalchemy import Connection, Table, delete, event, insert, select, update

from broker_service import tables
from broker_service.agents.rules import Answer, HostReport
from broker_service.agents.usecases import Agents
from broker_service.assignments.imports import Transfers
from broker_service.assignments.moves import Moves
from broker_service.assignments.reservations import Reservations
from broker_service.assignments.rules import Person
from broker_service.assignments.usecases import Assignments
from broker_service.collections import store
from broker_service.collections.rules import Collection, CollectionType, Draft
from broker_service.history.rules import Author, Period
from broker_service.history.usecases import Periods
from broker_service.hosts.changing import ChangeHosts
from broker_service.hosts.rules import Host, NewHost
from broker_service.hosts.settings import HostChanges
from broker_service.hosts.store import reckon
from broker_service.hosts.usecases import Hosts, add_hosts
from broker_service.sessions.commands import SessionCommands
from broker_service.sessions.routing import RoutingTokens
from broker_service.sessions.signing import Signer
from broker_service.sessions.usecases import Sessions, WayIn, Wish
from deskhold.chassis.database import Database
from deskhold.chassis.paging import Page
from deskhold.errors import DeskholdError
from deskhold.identities import Domains
from deskhold.names import DESKTOP_APP_GROUP, parse
from tests.broker_service.pair import Dump, dump

DOMAINS = Domains.parse("CONTOSO=contoso.com")
TOKENS = RoutingTokens(b"a secret of the tests")
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
        self.moves = Moves(DOMAINS)
        self.reservations = Reservations(DOMAINS)
        self.periods = Periods(self.database, DOMAINS)
        self.transfers = Transfers(self.database, DOMAINS)
        self.sessions = Sessions(self.database, DOMAINS, TOKENS)
        self.host_changes = ChangeHosts()
        self.agents = Agents(self.database)
        self.commands = SessionCommands(self.database, DOMAINS)

    def signing(self, signer: Signer) -> Self:
        """Sign the `.rdp` files from now on."""
        self.sessions = Sessions(self.database, DOMAINS, TOKENS, signer)
        return self

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

    async def set(
        self,
        user: str,
        host_id: str,
        *,
        force: bool = False,
        etag: str = "",
        author: Author = AUTHOR,
    ) -> Any:
        return await self.assignments.set(
            ENG,
            user=user,
            host_id=host_id,
            force=force,
            etag=etag,
            author=author,
            commit=self.commit,
        )

    async def remove(
        self, *, user: str = "", host_id: str = "", etag: str = "", author: Author = AUTHOR
    ) -> Any:
        return await self.assignments.remove(
            ENG, user=user, host_id=host_id, etag=etag, author=author, commit=self.commit
        )

    async def swap(
        self,
        host_id: str,
        other_host_id: str,
        *,
        etag: str = "",
        other_etag: str = "",
        author: Author = AUTHOR,
    ) -> Any:
        return await self.moves.swap(
            ENG,
            host_id=host_id,
            other_host_id=other_host_id,
            etag=etag,
            other_etag=other_etag,
            author=author,
            commit=self.commit,
        )

    async def move(
        self,
        host_id: str,
        destination_host_id: str,
        *,
        user: str = "",
        etag: str = "",
        author: Author = AUTHOR,
    ) -> Any:
        return await self.moves.move(
            ENG,
            host_id=host_id,
            destination_host_id=destination_host_id,
            user=user,
            etag=etag,
            author=author,
            commit=self.commit,
        )

    async def reserve(
        self, user: str, host_id: str, *, until_us: int = 2_000_000, author: Author = AUTHOR
    ) -> Any:
        return await self.reservations.reserve(
            ENG,
            host_id=host_id,
            user=user,
            until_us=until_us,
            author=author,
            commit=self.commit,
        )

    async def cancel(self, host_id: str, *, author: Author = AUTHOR) -> Any:
        return await self.reservations.cancel(
            ENG, host_id=host_id, author=author, commit=self.commit
        )

    async def confirm(self, *host_ids: str, force: bool = False) -> list[str]:
        """Confirm releases; return the ids of the hosts that were released."""
        released = await self.reservations.confirm_release(
            ENG, host_ids, force=force, author=AUTHOR, commit=self.commit
        )
        return [host.host_id for host in released]

    async def list_periods(
        self,
        *,
        user: str = "",
        host_id: str = "",
        at_us: int | None = None,
        size: int = 1000,
        after: str | None = None,
    ) -> list[Period]:
        return await self.periods.list_page(
            ENG, user=user, host_id=host_id, at_us=at_us, page=Page(size, after)
        )

    async def add_hosts(self, *host_ids: str) -> Any:
        wanted = [NewHost(host_id) for host_id in host_ids]
        return await self.hosts.add(ENG, wanted, now_us=1, commit=self.commit)

    async def remove_hosts(self, *host_ids: str, force: bool = False) -> Any:
        return await self.hosts.remove(
            ENG, host_ids, force=force, author=AUTHOR, commit=self.commit
        )

    async def change(self, *host_ids: str, now_us: int = 2, **values: Any) -> list[Host]:
        """Give hosts of `eng` new values, by the fields of the message."""
        changed: list[Host] = await self.host_changes.update_many(
            ENG, host_ids, HostChanges.of(values), now_us=now_us, commit=self.commit
        )
        return changed

    async def host(self, host_id: str, *, collection: str = ENG) -> Host:
        return await self.hosts.get(parse(f"{collection}/hosts/{host_id}"))

    async def report(
        self, *reports: HostReport, now_us: int = 1_000, collection: str = ENG
    ) -> Sequence[Answer | DeskholdError]:
        return await self.agents.report(collection, reports, now_us=now_us)

    async def changed(self) -> list[tuple[str, str]]:
        """Return what was noted since this was last asked: kind and name, below the collection."""

        def work(connection: Connection) -> list[tuple[str, str]]:
            query = select(tables.changes).order_by(tables.changes.c.id)
            rows = connection.execute(query).all()
            connection.execute(delete(tables.changes))
            return [(row.kind, row.name.removeprefix(f"{ENG}/")) for row in rows]

        return await self.database.writer.call(work)

    async def write(self, statement: Any) -> None:
        """Run a statement, for what other rooms write."""
        await self.database.writer.call(lambda connection: connection.execute(statement).rowcount)

    async def import_file(self, content: bytes, *, replace: bool = False) -> Any:
        return await self.transfers.import_file(
            ENG, content, replace=replace, validate_only=False, author=AUTHOR, commit=self.commit
        )

    async def connect(
        self, user: str, *, name: str = ENG, at_us: int = AUTHOR.now_us, **wish: Any
    ) -> WayIn:
        # An author of its own, as every call has.
        author = replace(AUTHOR, now_us=at_us)
        return await self.sessions.connect(parse(name), user, author, Wish(**wish))

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
