"""One broker's part in keeping scopes and collections in step, without its servers."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import structlog
from sqlalchemy import Connection, insert, select, update

from broker_service import tables
from broker_service.app_groups.rules import AppGroupDraft, AppGroupType
from broker_service.app_groups.store import delete_app_group, require_app_group
from broker_service.app_groups.usecases import AppGroups
from broker_service.collections.rules import CollectionType, Draft
from broker_service.collections.store import delete_collection, require_collection
from broker_service.collections.usecases import Collections
from broker_service.hosts.usecases import CollectionContents
from broker_service.rbac import Authority
from broker_service.registration.outbox import Registration
from broker_service.registration.store import mark_deleted
from broker_service.registration.usecases import ScopeComparison
from deskhold.chassis.db.idempotency import Commit
from deskhold.errors import NotFound
from deskhold.names import Kind, Name
from tests.broker_service.stores import AUTHOR, Store
from tests.supervision import supervised

MINUTE_US = 60 * 1_000_000
SECONDS = 10.0
DRAFT = Draft("", "", CollectionType.PERSONAL, False, False, 1)


class Clock:
    """Stands still until it is told to go on."""

    def __init__(self) -> None:
        self.now_us = 1_000 * MINUTE_US

    def __call__(self) -> int:
        return self.now_us


class Broker:
    """What one broker does to keep scopes and collections in step."""

    def __init__(self, store: Store, authority: Authority, clock: Clock) -> None:
        self.store = store
        self.clock = clock
        self.authority = authority
        self.registration = Registration(
            store.database, authority, clock_us=clock, logger=structlog.get_logger()
        )
        self.collections = Collections(store.database, self.registration, CollectionContents())
        self.app_groups = AppGroups(store.database, self.registration)
        self.comparison = ScopeComparison(store.database, authority, self.registration)

    async def create(self, name: Name, *host_ids: str, commit: Commit[Any] | None = None) -> Any:
        return await self.collections.create(
            name,
            DRAFT,
            uid=str(uuid.uuid4()),
            host_ids=host_ids,
            validate_only=False,
            seconds=SECONDS,
            now_us=self.clock(),
            commit=commit or self.store.commit,
        )

    async def create_app_group(self, name: Name, *, commit: Commit[Any] | None = None) -> Any:
        return await self.app_groups.create(
            name,
            AppGroupDraft(AppGroupType.REMOTE_APP),
            uid=str(uuid.uuid4()),
            validate_only=False,
            seconds=SECONDS,
            now_us=self.clock(),
            commit=commit or self.store.commit,
        )

    async def delete_app_group(self, name: Name) -> None:
        await self.app_groups.delete(
            name, etag="", validate_only=False, now_us=self.clock(), commit=self.store.commit
        )

    async def open(self, name: Name, *scopes: str) -> str:
        """Do the first step of a creation only."""
        return await self.registration.open(name, scopes, seconds=SECONDS)

    async def delete(self, name: Name) -> None:
        await self.collections.delete(
            name, etag="", force=True, validate_only=False, author=AUTHOR, commit=self.store.commit
        )

    async def commit_deletion(self, name: Name) -> None:
        """Do the first step of a deletion only."""

        def work(connection: Connection) -> None:
            gone = require_collection(connection, name.collection.text)
            if name.kind is Kind.APP_GROUP:
                delete_app_group(connection, require_app_group(connection, gone, name))
                mark_deleted(connection, name.text, self.clock())
                return
            CollectionContents().clear(connection, gone, AUTHOR)
            delete_collection(connection, gone)
            mark_deleted(connection, name.text, self.clock())

        await self.store.commit(work)

    async def take_removal(self, name: Name) -> None:
        """Do what the first step of a removal does, as some other broker."""
        taken = update(tables.scope_changes).where(tables.scope_changes.c.name == name.text)
        values = {"owner": "somebody", "since_us": self.clock()}
        await self.store.commit(lambda connection: connection.execute(taken.values(values)))

    async def leave_row(self, name: Name, state: str) -> None:
        """Leave a name in transition, as a broker that died."""
        row = {"name": name.text, "state": state, "owner": "dead", "since_us": self.clock()}
        left = insert(tables.scope_changes).values(row)
        await self.store.commit(lambda connection: connection.execute(left))

    async def has(self, name: Name) -> bool:
        """Say whether there is a collection or app group of a name."""
        try:
            if name.kind is Kind.APP_GROUP:
                return bool(await self.app_groups.get(name))
            return bool(await self.collections.get(name.text))
        except NotFound:
            return False

    async def transitions(self) -> list[tuple[str, str]]:
        """Return the names in transition and where they stand."""
        query = select(tables.scope_changes.c.name, tables.scope_changes.c.state)

        def work(connection: Connection) -> list[tuple[str, str]]:
            return [(row.name, row.state) for row in connection.execute(query)]

        return await self.store.database.read(work)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Remove what waits to be removed, in the background."""
        async with supervised(self.registration.run):
            yield

    async def until_settled(self) -> None:
        """Return once no name is in transition."""
        async with self.running():
            while await self.transitions():
                pass
