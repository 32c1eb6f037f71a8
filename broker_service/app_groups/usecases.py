"""Making, showing, changing and deleting app groups."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar

from broker_service.app_groups import store
from broker_service.app_groups.rules import (
    AppGroup,
    AppGroupDraft,
    app_group_exists,
    last_app_group,
)
from broker_service.changes.rules import Changed, ResourceKind
from broker_service.changes.store import note
from broker_service.collections.store import (
    find_collection,
    lock_collection,
    require_collection,
)
from broker_service.registration.outbox import Registration
from broker_service.registration.store import close, in_transition, mark_deleted
from deskhold.chassis.db import Connection, Database
from deskhold.chassis.db.idempotency import Commit
from deskhold.chassis.paging import Page
from deskhold.names import Name

Reply = TypeVar("Reply")


class AppGroups:
    """The use cases of app groups.

    Args:
        database: The broker's store.
        registration: Keeps the scopes in step.
    """

    def __init__(self, database: Database, registration: Registration) -> None:
        self._database = database
        self._registration = registration

    async def create(
        self,
        name: Name,
        draft: AppGroupDraft,
        *,
        uid: str,
        validate_only: bool,
        seconds: float,
        now_us: int,
        commit: Commit[Reply],
    ) -> Reply:
        """Create an app group.

        Its scope is registered first; should anything fail afterwards, it is removed again.

        Raises:
            InvalidArgument: A desktop has applications, or an id is there twice.
            NotFound: There is no such collection.
            AlreadyExists: The name is taken.
            FailedPrecondition: The name, or that of the collection, is in transition.
        """
        draft.check()
        collection_uid, claim = await self._uid_of(name.collection.text), ""
        if not validate_only:
            claim = await self._registration.open(name, (name.scope,), seconds=seconds)

        def work(connection: Connection) -> AppGroup:
            collection = lock_collection(connection, name.collection.text)
            if collection.uid != collection_uid:
                # Deleted and made again since: the scope may have gone with the former one.
                raise in_transition(collection.name)
            if store.find_app_group(connection, collection, name.id) is not None:
                raise app_group_exists(name.text)
            if not validate_only:
                close(connection, name.text, claim)
            store.insert_app_group(connection, collection, name.id, draft, uid=uid, now_us=now_us)
            _note(connection, name.text, now_us)
            return store.require_app_group(connection, collection, name)

        try:
            return await commit(work)
        finally:
            # Not only on failure: a repeated request gets its first answer, and nothing is made.
            await self._registration.abandon(name.text, claim)

    async def get(self, name: Name) -> AppGroup:
        """Return an app group.

        Raises:
            NotFound: No such collection or app group.
        """

        def work(connection: Connection) -> AppGroup:
            collection = require_collection(connection, name.collection.text)
            return store.require_app_group(connection, collection, name)

        return await self._database.read(work)

    async def list_page(self, collection: str, page: Page) -> list[AppGroup]:
        """Return the app groups of a page by id, and one more when another page follows.

        Raises:
            NotFound: No such collection.
        """

        def work(connection: Connection) -> list[AppGroup]:
            found = require_collection(connection, collection)
            return store.list_app_groups(connection, found, page)

        return await self._database.read(work)

    async def update(
        self,
        name: Name,
        change: Callable[[AppGroupDraft], AppGroupDraft],
        *,
        etag: str,
        now_us: int,
        commit: Commit[Reply],
    ) -> Reply:
        """Change an app group; what is as it was already is not written.

        Args:
            name: Which.
            change: Returns what it is to be; raises what is wrong with that.
            etag: Change only this version; empty: any.
            now_us: When.
            commit: Runs the transaction.

        Raises:
            NotFound: No such collection or app group.
            Aborted: It is another version than the etag says.
            InvalidArgument: A desktop would have applications, or an id is there twice.
        """

        def work(connection: Connection) -> AppGroup:
            collection = lock_collection(connection, name.collection.text)
            before = store.require_app_group(connection, collection, name)
            before.require_etag(etag)
            draft = change(before.draft)
            draft.check()
            if draft == before.draft:
                return before
            after = replace(before, draft=draft, version=before.version + 1, updated_us=now_us)
            store.update_app_group(connection, after)
            _note(connection, name.text, now_us)
            return after

        return await commit(work)

    async def delete(
        self, name: Name, *, etag: str, validate_only: bool, now_us: int, commit: Commit[Reply]
    ) -> Reply:
        """Delete an app group; its name stays taken until its grants are removed at the authority.

        Raises:
            NotFound: No such collection or app group.
            Aborted: It is another version than the etag says.
            FailedPrecondition: It is the last one of its collection.
        """

        def work(connection: Connection) -> None:
            # Whoever deletes another one waits here, and counts after this one is gone.
            collection = lock_collection(connection, name.collection.text)
            gone = store.require_app_group(connection, collection, name)
            gone.require_etag(etag)
            if store.count_app_groups(connection, collection) == 1:
                raise last_app_group(name.text, collection.name)
            store.delete_app_group(connection, gone)
            mark_deleted(connection, name.text, now_us)
            _note(connection, name.text, now_us)

        reply = await commit(work)
        if not validate_only:
            await self._registration.settle(name.text)
        return reply

    async def _uid_of(self, collection: str) -> str:
        found = await self._database.read(lambda tx: find_collection(tx, collection))
        return "" if found is None else found.uid


def _note(connection: Connection, name: str, now_us: int) -> None:
    note(connection, [Changed(ResourceKind.APP_GROUP, name, now_us)])
