"""Making, showing and deleting collections."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Protocol, TypeVar

from broker_service.changes.rules import Changed, ResourceKind
from broker_service.changes.store import note
from broker_service.collections import store
from broker_service.collections.rules import Collection, Draft
from broker_service.history.rules import Author
from broker_service.registration.outbox import Registration
from broker_service.registration.store import close, mark_deleted
from deskhold.chassis.db import Connection, Database
from deskhold.chassis.db.idempotency import Commit
from deskhold.chassis.paging import Page
from deskhold.errors import AlreadyExists, FailedPrecondition
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
        allow_unknown_properties: bool = False,
        seconds: float,
        now_us: int,
        commit: Commit[Reply],
    ) -> Reply:
        """Create a collection, its `desktop` app group and its first hosts.

        Its scopes are registered first; should anything fail afterwards, they are removed again.

        Raises:
            InvalidArgument: A flag of personal collections is set on a pooled one, or an RDP
                property cannot be set.
            AlreadyExists: The name is taken.
            FailedPrecondition: The name is in transition, the tenant is not registered, or a host
                is in another collection.
        """
        draft = draft.checked(allow_unknown_properties=allow_unknown_properties)
        claim = ""
        app_group = name.child("appGroups", DESKTOP_APP_GROUP)
        if validate_only:
            await self._registration.require_parent(name.parent.scope, seconds=seconds)
        else:
            claim = await self._registration.open(
                name, (name.scope, app_group.scope), seconds=seconds
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
            _note(connection, made.name, (app_group.text,), now_us)
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

    async def update(
        self,
        name: str,
        change: Callable[[Draft], Draft],
        *,
        etag: str,
        allow_unknown_properties: bool = False,
        now_us: int,
        commit: Commit[Reply],
    ) -> Reply:
        """Change a collection; what is as it was already is not written.

        Args:
            name: Which.
            change: Returns what it is to be; raises what is wrong with that.
            etag: Change only this version; empty: any.
            allow_unknown_properties: Accept RDP properties that clients are not known to read.
            now_us: When.
            commit: Runs the transaction.

        Raises:
            NotFound: There is none of this name.
            Aborted: It is another version than the etag says.
            InvalidArgument: A setting does not go with its type.
            FailedPrecondition: A user holds more hosts than its new limit.
        """

        def work(connection: Connection) -> Collection:
            before = store.lock_collection(connection, name)
            before.require_etag(etag)
            draft = change(before.draft).settled.checked(
                before.draft, allow_unknown_properties=allow_unknown_properties
            )
            after = replace(before, draft=draft, version=before.version + 1, updated_us=now_us)
            if draft != before.draft:
                if after.max_desktops_per_user < before.max_desktops_per_user:
                    _refuse_above_limit(connection, after)
                store.update_collection(connection, after)
                _note(connection, name, (), now_us)
            return store.count_collection(connection, name)

        return await commit(work)

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
            gone.require_etag(etag)
            count = self._contents.count(connection, gone)
            if count and not force:
                hosts = "1 host" if count == 1 else f"{count} hosts"
                raise FailedPrecondition(
                    f"collection {name} has {hosts}; remove its hosts first, or use force",
                    reason="COLLECTION_NOT_EMPTY",
                    metadata={"collection": name.text, "hosts": str(count)},
                )
            self._contents.clear(connection, gone, author)
            app_groups = store.app_group_names(connection, gone)
            _note(connection, name.text, app_groups, author.now_us)
            store.delete_collection(connection, gone)
            mark_deleted(connection, name.text, author.now_us)

        reply = await commit(work)
        if not validate_only:
            await self._registration.settle(name.text)
        return reply


def _note(connection: Connection, name: str, app_groups: Iterable[str], now_us: int) -> None:
    changed = [Changed(ResourceKind.COLLECTION, name, now_us)]
    changed += [Changed(ResourceKind.APP_GROUP, one, now_us) for one in app_groups]
    note(connection, changed)


def _refuse_above_limit(connection: Connection, collection: Collection) -> None:
    limit = collection.max_desktops_per_user
    found = store.find_above_limit(connection, collection, limit)
    if found is None:
        return
    user, held = found
    raise FailedPrecondition(
        f"{user} holds {held} hosts of {collection.name}, more than the new limit of {limit};"
        " end assignments first, or choose a higher limit",
        reason="USER_LIMIT_REACHED",
        metadata={
            "user": user,
            "held": str(held),
            "max_desktops_per_user": str(limit),
            "collection": collection.name,
        },
    )
