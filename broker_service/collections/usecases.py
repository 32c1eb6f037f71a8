"""Making, showing and deleting collections."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, TypeVar

from broker_service.collections import store
from broker_service.collections.rules import Collection, Draft
from broker_service.history.rules import Author
from broker_service.registration import Registration, close, mark_deleted
from deskhold.chassis.database import Connection, Database
from deskhold.chassis.paging import Page
from deskhold.chassis.replay import Commit
from deskhold.errors import Aborted, AlreadyExists, FailedPrecondition
from deskhold.names import DESKTOP_APP_GROUP, Name

Reply = TypeVar("Reply")


class Contents(Protocol):
    """What lies in a collection; the rooms above bring it, so that this one need not know them."""

    def fill(
        self, connection: Connection, collection: Collection, host_ids: Sequence[str], now_us: int
    ) -> None:
        """Add the first hosts of a new collection.

        Raises:
            FailedPrecondition: One of them is in another collection.
        """

    def count(self, connection: Connection, collection: Collection) -> int:
        """Return how many hosts a collection has."""

    def clear(self, connection: Connection, collection: Collection, author: Author) -> None:
        """Remove every host of a collection, ending their assignments."""


class Collections:
    """The use cases of collections.

    Args:
        database: The broker's store.
        registration: Keeps the scopes in step.
        contents: The hosts.
    """

    def __init__(self, database: Database, registration: Registration, contents: Contents) -> None:
        self._database = database
        self._registration = registration
        self._contents = contents

    async def create(
        self,
        name: Name,
        draft: Draft,
        *,
        uid: str,
        host_ids: Sequence[str],
        validate_only: bool,
        seconds: float,
        now_us: int,
        commit: Commit[Reply],
    ) -> Reply:
        """Create a collection, its `desktop` app group and its first hosts.

        Its scopes are registered first; should anything fail afterwards, they are removed again.

        Raises:
            InvalidArgument: A flag of personal collections is set on a pooled one.
            AlreadyExists: The name is taken.
            FailedPrecondition: The name is in transition, the tenant is not registered, or a host
                is in another collection.
        """
        draft.check()
        claim = ""
        if validate_only:
            await self._registration.require_parent(name.parent.scope, seconds=seconds)
        else:
            app_group = name.child("appGroups", DESKTOP_APP_GROUP)
            claim = await self._registration.open(
                name.text, (name.scope, app_group.scope), seconds=seconds
            )

        def work(connection: Connection) -> Collection:
            if store.find_collection(connection, name.text) is not None:
                raise AlreadyExists(
                    f"collection {name} exists; choose another name",
                    reason="COLLECTION_ALREADY_EXISTS",
                    metadata={"collection": name.text},
                )
            if not validate_only:
                close(connection, name.text, claim)
            made = store.insert_collection(
                connection,
                name=name.text,
                tenant=name.parent.text,
                uid=uid,
                draft=draft,
                app_group_ids=(DESKTOP_APP_GROUP,),
                now_us=now_us,
            )
            self._contents.fill(connection, made, host_ids, now_us)
            return store.count_collection(connection, name.text)

        try:
            return await commit(work)
        finally:
            # Not only on failure: a repeated request gets its first answer, and nothing is made.
            await self._registration.abandon(name.text, claim)

    async def get(self, name: str) -> Collection:
        """Return a collection with its counts.

        Raises:
            NotFound: There is none of this name.
        """
        return await self._database.read(lambda tx: store.count_collection(tx, name))

    async def list_page(self, tenant: str, page: Page) -> list[Collection]:
        """Return the collections of a page by name, and one more when another page follows."""
        return await self._database.read(lambda tx: store.list_collections(tx, tenant, page))

    async def delete(
        self,
        name: Name,
        *,
        etag: str,
        force: bool,
        validate_only: bool,
        author: Author,
        commit: Commit[Reply],
    ) -> Reply:
        """Delete a collection; its name stays taken until its grants are removed at the authority.

        Raises:
            NotFound: There is none of this name.
            Aborted: It is another version than the etag says.
            FailedPrecondition: It has hosts and force was not given.
        """

        def work(connection: Connection) -> None:
            gone = store.lock_collection(connection, name.text)
            if etag and etag != gone.etag:
                raise Aborted(
                    f"{name} is at etag {gone.etag}, not {etag}; read it again",
                    metadata={"name": name.text, "etag": gone.etag},
                )
            count = self._contents.count(connection, gone)
            if count and not force:
                hosts = "1 host" if count == 1 else f"{count} hosts"
                raise FailedPrecondition(
                    f"collection {name} has {hosts}; remove its hosts first, or use force",
                    reason="COLLECTION_NOT_EMPTY",
                    metadata={"collection": name.text, "hosts": str(count)},
                )
            self._contents.clear(connection, gone, author)
            store.delete_collection(connection, gone)
            mark_deleted(connection, name.text, author.now_us)

        reply = await commit(work)
        if not validate_only:
            await self._registration.settle(name.text)
        return reply
