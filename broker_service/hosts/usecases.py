"""Adding, showing and removing hosts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TypeVar

from broker_service.changes.rules import Changed, ResourceKind
from broker_service.changes.store import note
from broker_service.collections.rules import Collection
from broker_service.collections.store import lock_collection, require_collection
from broker_service.history.rules import Author, Cause, Event, EventKind
from broker_service.history.store import latest_us, record
from broker_service.hosts import listing, store
from broker_service.hosts.amendments import sessions_on
from broker_service.hosts.changing import note_hosts, present
from broker_service.hosts.refusals import refuse_kept, refuse_twice
from broker_service.hosts.rules import Condition, Host, NewHost, host_not_found
from deskhold.chassis.db import Connection, Database
from deskhold.chassis.db.idempotency import Commit
from deskhold.chassis.paging import Page
from deskhold.errors import AlreadyExists, FailedPrecondition
from deskhold.names import Kind, Name, fold_id, parse

Reply = TypeVar("Reply")


class Hosts:
    """The use cases of hosts.

    Args:
        database: The broker's store.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(
        self, collection: str, wanted: Sequence[NewHost], *, now_us: int, commit: Commit[Reply]
    ) -> Reply:
        """Add hosts, all or nothing; those that are there with the same settings stay as they are.

        Raises:
            NotFound: There is no such collection.
            InvalidArgument: A host is named twice.
            AlreadyExists: A host is there with another address or port.
            FailedPrecondition: A host is in another collection.
        """
        refuse_twice([host.host_id for host in wanted], "hosts")

        def work(connection: Connection) -> list[Host]:
            found = lock_collection(connection, collection)
            return add_hosts(connection, found, wanted, now_us)

        return await commit(work)

    async def get(self, name: Name) -> Host:
        """Return a host.

        Raises:
            NotFound: No such collection or host.
        """

        def work(connection: Connection) -> Host:
            collection = require_collection(connection, name.collection.text)
            return require_host(connection, collection, name.id)

        return await self._database.read(work)

    async def list_page(
        self, collection: str, page: Page, conditions: Iterable[Condition] = (), *, now_us: int = 0
    ) -> list[Host]:
        """Return the hosts of a page by id, and one more when another page follows.

        Args:
            collection: Name of the collection.
            page: Which page.
            conditions: Only hosts for which all of these hold.
            now_us: The time now: reservations may have run out.

        Raises:
            NotFound: No such collection.
        """

        def work(connection: Connection) -> list[Host]:
            found = require_collection(connection, collection)
            return listing.list_hosts(connection, found, page, conditions, now_us=now_us)

        return await self._database.read(work)

    async def remove(
        self,
        collection: str,
        host_ids: Sequence[str],
        *,
        force: bool,
        author: Author,
        commit: Commit[Reply],
    ) -> Reply:
        """Remove hosts, all or nothing; return them as they were, in the order given.

        Raises:
            NotFound: No such collection, or one of the hosts is not in it.
            InvalidArgument: A host is named twice.
            FailedPrecondition: One of them is held, reserved or in quarantine, and force was not
                given.
        """
        refuse_twice(host_ids, "names")

        def work(connection: Connection) -> list[Host]:
            found = lock_collection(connection, collection)
            gone = present(connection, found, host_ids)
            if not force:
                refuse_kept(gone, now_us=author.now_us)
            _remove(connection, found, gone, Cause.HOST_REMOVED, author)
            return gone

        return await commit(work)


class CollectionContents:
    """The hosts as the room of collections sees them (`collections.usecases.Contents`)."""

    def fill(
        self, connection: Connection, collection: Collection, host_ids: Sequence[str], now_us: int
    ) -> None:
        """Add the first hosts of a new collection."""
        refuse_twice(host_ids, "host_ids")
        add_hosts(connection, collection, [NewHost(host_id) for host_id in host_ids], now_us)

    def count(self, connection: Connection, collection: Collection) -> int:
        """Return how many hosts a collection has."""
        return store.count_hosts(connection, collection)

    def clear(self, connection: Connection, collection: Collection, author: Author) -> None:
        """Remove every host of a collection, ending their assignments."""
        gone = list(store.lock_hosts(connection, collection))
        _remove(connection, collection, gone, Cause.COLLECTION_DELETED, author)


def add_hosts(
    connection: Connection, collection: Collection, wanted: Sequence[NewHost], now_us: int
) -> list[Host]:
    """Add hosts that are not there yet; return all of them in the order given.

    Raises:
        AlreadyExists: One is there with another address or port.
        FailedPrecondition: One is in another collection.
    """
    keys = [host.key for host in wanted]
    tenant = parse(collection.name, Kind.COLLECTION).parent.text
    there = store.find_hosts(connection, collection, keys)
    elsewhere = store.keys_elsewhere(connection, collection, tenant, keys)
    for host in wanted:
        if host.key in elsewhere:
            raise FailedPrecondition(
                f"host {host.host_id} belongs to another collection of the tenant;"
                " remove it there first",
                reason="HOST_IN_OTHER_COLLECTION",
                metadata={"host": host.host_id, "collection": collection.name},
            )
        if host.key in there and not there[host.key].is_as_wanted(host):
            raise AlreadyExists(
                f"host {host.host_id} is in {collection.name} with another address or port;"
                " remove it first to change them",
                reason="HOST_ALREADY_EXISTS",
                metadata={"host": host.host_id, "collection": collection.name},
            )
    new = [host for host in wanted if host.key not in there]
    # Hosts of the same names may have been held until a time that this clock has not reached.
    past_us = latest_us(connection, collection.name, [host.key for host in new])
    store.insert_hosts(connection, collection, tenant, new, max(now_us, past_us))
    made = store.find_hosts(connection, collection, [host.key for host in new])
    note_hosts(connection, made.values(), now_us)
    there |= made
    return [there[key] for key in keys]


def require_host(
    connection: Connection, collection: Collection, host_id: str, *, lock: bool = False
) -> Host:
    """Return a host of a collection; locked, nobody else can claim it.

    Raises:
        NotFound: It is not in the collection.
    """
    host = store.find_host(connection, collection, fold_id(host_id), lock=lock)
    if host is None:
        raise host_not_found(collection, host_id)
    return host


def _remove(
    connection: Connection,
    collection: Collection,
    gone: Sequence[Host],
    cause: Cause,
    author: Author,
) -> None:
    events = [
        (
            Event(
                collection.name,
                collection.uid,
                host.host_id,
                host.hold.user,
                host.hold.user_key,
                EventKind.REMOVED,
                cause,
            ),
            author._replace(now_us=host.next_us(author.now_us)),
        )
        for host in gone
        if host.hold is not None
    ]
    record(connection, events)
    names = {host.id: host.name for host in gone}
    note_hosts(connection, gone, author.now_us)
    note(
        connection,
        (
            Changed(ResourceKind.SESSION, f"{names[host]}/sessions/{number}", author.now_us)
            for host, number in sessions_on(connection, list(names))
        ),
    )
    store.delete_hosts(connection, names)
