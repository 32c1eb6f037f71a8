"""A migrated store of its own for a test, and the use cases above it, shortly."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Self

from broker_service.agents.rules import Answer, HostReport
from broker_service.agents.usecases import Agents
from broker_service.assignments.imports import Transfers
from broker_service.assignments.moves import Moves
from broker_service.assignments.reservations import Reservations
from broker_service.assignments.rules import Person
from broker_service.assignments.usecases import Assignments
from broker_service.collections.usecases import Collections
from broker_service.history.rules import Author, Period
from broker_service.history.usecases import Periods
from broker_service.hosts.changing import ChangeHosts
from broker_service.hosts.rules import Host, NewHost
from broker_service.hosts.settings import HostChanges
from broker_service.hosts.usecases import CollectionContents, Hosts
from broker_service.sessions.commands import SessionCommands
from broker_service.sessions.routing import RoutingTokens
from broker_service.sessions.signing import Signer
from broker_service.sessions.usecases import Sessions, WayIn, Wish
from deskhold.chassis.paging import Page
from deskhold.errors import DeskholdError
from deskhold.names import parse
from tests.broker_service.rows import DOMAINS, ENG, TENANT, Rows

__all__ = ["AUTHOR", "DOMAINS", "ENG", "TENANT", "TOKENS", "Store", "pcs", "person"]

TOKENS = RoutingTokens(b"a secret of the tests")
# Changing a collection asks no authority; what makes and deletes one has brokers of its own.
_NO_AUTHORITY: Any = None
AUTHOR = Author("user:admin@contoso.com", "request-1", "d-1", 1_000_000)


class Store(Rows):
    """One process's view of a store: the database and the use cases above it."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.collections = Collections(self.database, _NO_AUTHORITY, CollectionContents())
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

    async def set(
        self,
        user: str,
        host_id: str,
        *,
        force: bool = False,
        etag: str = "",
        author: Author = AUTHOR,
        collection: str = ENG,
    ) -> Any:
        return await self.assignments.set(
            collection,
            user=user,
            host_id=host_id,
            force=force,
            etag=etag,
            author=author,
            commit=self.commit,
        )

    async def remove(
        self,
        *,
        user: str = "",
        host_id: str = "",
        etag: str = "",
        author: Author = AUTHOR,
        collection: str = ENG,
    ) -> Any:
        return await self.assignments.remove(
            collection,
            user=user,
            host_id=host_id,
            etag=etag,
            author=author,
            commit=self.commit,
        )

    async def swap(
        self,
        host_id: str,
        other_host_id: str,
        *,
        etag: str = "",
        other_etag: str = "",
        author: Author = AUTHOR,
        collection: str = ENG,
    ) -> Any:
        return await self.moves.swap(
            collection,
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
        collection: str = ENG,
    ) -> Any:
        return await self.moves.move(
            collection,
            host_id=host_id,
            destination_host_id=destination_host_id,
            user=user,
            etag=etag,
            author=author,
            commit=self.commit,
        )

    async def reserve(
        self,
        user: str,
        host_id: str,
        *,
        until_us: int = 2_000_000,
        author: Author = AUTHOR,
        collection: str = ENG,
    ) -> Any:
        return await self.reservations.reserve(
            collection,
            host_id=host_id,
            user=user,
            until_us=until_us,
            author=author,
            commit=self.commit,
        )

    async def cancel(self, host_id: str, *, author: Author = AUTHOR, collection: str = ENG) -> Any:
        return await self.reservations.cancel(
            collection, host_id=host_id, author=author, commit=self.commit
        )

    async def confirm(
        self,
        *host_ids: str,
        force: bool = False,
        author: Author = AUTHOR,
        collection: str = ENG,
    ) -> list[str]:
        """Confirm releases; return the ids of the hosts that were released."""
        released = await self.reservations.confirm_release(
            collection, host_ids, force=force, author=author, commit=self.commit
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

    async def update(self, *, now_us: int = 2, collection: str = ENG, **values: Any) -> Any:
        """Give a collection new settings, by the fields of its draft."""
        return await self.collections.update(
            collection,
            lambda draft: replace(draft, **values),
            etag="",
            now_us=now_us,
            commit=self.commit,
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

    async def import_file(self, content: bytes, *, replace: bool = False) -> Any:
        return await self.transfers.import_file(
            ENG, content, replace=replace, validate_only=False, author=AUTHOR, commit=self.commit
        )

    async def connect(
        self, user: str, *, name: str = ENG, at_us: int = AUTHOR.now_us, **wish: Any
    ) -> WayIn:
        # An author of its own, as every call has.
        author = AUTHOR._replace(now_us=at_us)
        return await self.sessions.connect(parse(name), user, author, Wish(**wish))


def person(user: str) -> Person:
    return Person(user, DOMAINS.user_key(user))


def pcs(count: int, *, start: int = 1) -> list[str]:
    """Return host ids: `pc-00001`, `pc-00002`, ..."""
    return [f"pc-{number:05}" for number in range(start, start + count)]
