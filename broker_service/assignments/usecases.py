"""Setting, removing and listing assignments."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

from broker_service.assignments import store
from broker_service.assignments.rules import (
    Person,
    host_not_assigned,
    require_etag,
    to_displace,
    user_not_assigned,
)
from broker_service.collections.rules import Collection
from broker_service.collections.store import lock_collection, require_collection
from broker_service.history.rules import Author, Cause
from broker_service.hosts.rules import Host
from broker_service.hosts.usecases import require_host
from deskhold.chassis.db import Connection, Database
from deskhold.chassis.db.idempotency import Commit
from deskhold.chassis.paging import Page
from deskhold.errors import InvalidArgument
from deskhold.identities import Domains

Reply = TypeVar("Reply")


@dataclass(frozen=True, slots=True)
class Assigned:
    """What setting an assignment led to.

    Attributes:
        host: The host, with its new hold.
        displaced: The hosts as they were whose holds force ended.
    """

    host: Host
    displaced: tuple[Host, ...] = ()


class Assignments:
    """The use cases of assignments.

    Args:
        database: The broker's store.
        domains: The deployment's domains.
    """

    def __init__(self, database: Database, domains: Domains) -> None:
        self._database = database
        self._domains = domains

    async def set(
        self,
        collection: str,
        *,
        user: str,
        host_id: str,
        force: bool,
        etag: str,
        author: Author,
        commit: Commit[Reply],
    ) -> Reply:
        """Assign a host to a user; the same assignment again is a success that changes nothing.

        What was reserved for the user is taken, and the reservation ends.

        Raises:
            NotFound: No such collection, or the host is not in it.
            Aborted: The host is another version than the etag says.
            FailedPrecondition: The collection is pooled; or the host is held by another, reserved
                for another or in quarantine, or the user at the limit, and force was not given.
        """
        person = Person(user, self._domains.user_key(user))

        def work(connection: Connection) -> Assigned:
            found = lock_personal(connection, collection)
            host = require_host(connection, found, host_id, lock=True)
            require_etag(host, etag)
            if host.hold is not None and host.hold.user_key == person.key:
                return Assigned(host)
            held = store.held_by(connection, found, person.key, lock=True)
            displaced = to_displace(found, host, person, held, now_us=author.now_us, force=force)
            store.free(connection, found, displaced, cause=Cause.DISPLACED, author=author)
            # As they were judged: a host claimed meanwhile then meets the constraint.
            slots = {one.hold.slot for one in held if one.hold and one not in displaced}
            store.hold(
                connection,
                found,
                [(host, person)],
                cause=Cause.SET,
                authors=[author],
                taken={person.key: slots},
            )
            return Assigned(require_host(connection, found, host_id), tuple(displaced))

        return await commit(work)

    async def remove(
        self,
        collection: str,
        *,
        user: str,
        host_id: str,
        etag: str,
        author: Author,
        commit: Commit[Reply],
    ) -> Reply:
        """End what holds a host, or all that a user holds; return the hosts as they were.

        Args:
            collection: Where.
            user: Whose; empty when a host is given.
            host_id: Which; empty when a user is given.
            etag: The version of the host that is meant; empty: any.
            author: Who ends it.
            commit: Runs the transaction.

        Raises:
            InvalidArgument: An etag is given with a user, who may hold several hosts.
            NotFound: No such collection or host, or nothing is assigned.
            Aborted: The host is another version than the etag says.
            FailedPrecondition: The collection is pooled.
        """
        if etag and user:
            raise InvalidArgument.of_field("etag", "is that of a host; give host_id, not user")
        user_key = self._domains.user_key(user) if user else ""

        def work(connection: Connection) -> list[Host]:
            found = lock_personal(connection, collection)
            if user_key:
                gone = store.held_by(connection, found, user_key, lock=True)
                if not gone:
                    raise user_not_assigned(found, user)
            else:
                gone = [require_host(connection, found, host_id, lock=True)]
                require_etag(gone[0], etag)
                if gone[0].hold is None:
                    raise host_not_assigned(found, host_id)
            store.free(connection, found, gone, cause=Cause.REMOVE, author=author)
            return gone

        return await commit(work)

    async def list_page(
        self, collection: str, *, user: str, host_id: str, page: Page
    ) -> list[Host]:
        """Return the held hosts of a page; with a user or a host, only theirs.

        Raises:
            NotFound: No such collection or host.
            FailedPrecondition: The collection is pooled.
        """
        user_key = self._domains.user_key(user) if user else ""

        def work(connection: Connection) -> list[Host]:
            found = _require_personal(connection, collection)
            if host_id:
                host = require_host(connection, found, host_id)
                return [host] if host.hold is not None else []
            return store.list_held(connection, found, page, user_key)

        return await self._database.read(work)


def lock_personal(connection: Connection, name: str) -> Collection:
    """Return a personal collection, and let no other process change what is in it.

    Raises:
        NotFound: There is none of this name.
        FailedPrecondition: It is pooled.
    """
    collection = lock_collection(connection, name)
    collection.require_personal()
    return collection


def _require_personal(connection: Connection, name: str) -> Collection:
    collection = require_collection(connection, name)
    collection.require_personal()
    return collection
