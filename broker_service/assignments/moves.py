"""Swapping users and moving them, each as one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

from broker_service.assignments import store
from broker_service.assignments.rules import (
    Person,
    holder_of,
    host_held,
    host_not_assigned,
    not_held_by,
    require_available,
    require_etag,
)
from broker_service.assignments.usecases import lock_personal
from broker_service.collections.rules import Collection
from broker_service.history.rules import Author, Cause
from broker_service.hosts.rules import Host, host_not_found
from broker_service.hosts.store import find_hosts
from deskhold.chassis.db import Connection
from deskhold.chassis.db.idempotency import Commit
from deskhold.errors import DeskholdError, InvalidArgument
from deskhold.identities import Domains
from deskhold.names import fold_id

Reply = TypeVar("Reply")


@dataclass(frozen=True, slots=True)
class Moved:
    """What a move led to.

    Attributes:
        host: The host that the user holds now.
        left: The one that the user held, as it was; None when the user was there already.
    """

    host: Host
    left: Host | None = None


class Moves:
    """The use cases that move users between hosts.

    Args:
        domains: The deployment's domains.
    """

    def __init__(self, domains: Domains) -> None:
        self._domains = domains

    async def swap(
        self,
        collection: str,
        *,
        host_id: str,
        other_host_id: str,
        etag: str,
        other_etag: str,
        author: Author,
        commit: Commit[Reply],
    ) -> Reply:
        """Exchange the users of two hosts; return both hosts in the order given.

        Hosts of one user stay as they are. Repeating it swaps back. Nothing is quarantined: each
        user knows who comes after.

        Raises:
            InvalidArgument: Both are the same host.
            NotFound: No such collection, a host is not in it, or nobody holds it.
            Aborted: A host is another version than its etag says.
            FailedPrecondition: The collection is pooled.
        """
        if fold_id(host_id) == fold_id(other_host_id):
            raise InvalidArgument.of_field("other_host_id", f"is {host_id} too; give another host")

        def work(connection: Connection) -> tuple[Host, Host]:
            found = lock_personal(connection, collection)
            hosts = one, other = _lock_two(connection, found, host_id, other_host_id)
            require_etag(one, etag)
            require_etag(other, other_etag)
            ours, theirs = (_require_holder(found, host) for host in hosts)
            if ours.key == theirs.key:
                return hosts
            # All end before any begins: no slot is in use twice in between, on no engine.
            store.free(connection, found, hosts, cause=Cause.SWAP, author=author)
            wanted = [(one, theirs), (other, ours)]
            store.hold(connection, found, wanted, cause=Cause.SWAP, authors=[author, author])
            return _two(connection, found, host_id, other_host_id)

        return await commit(work)

    async def move(
        self,
        collection: str,
        *,
        host_id: str,
        destination_host_id: str,
        user: str,
        etag: str,
        author: Author,
        commit: Commit[Reply],
    ) -> Reply:
        """Move a user from one host to another, which nobody holds; who is there already stays.

        Args:
            collection: Where.
            host_id: The host that is left; the release policy applies to it.
            destination_host_id: The host that is taken.
            user: Who is to be moved; empty: whoever holds the host.
            etag: The version of the host that is left; empty: any.
            author: Who moves them.
            commit: Runs the transaction.

        Raises:
            InvalidArgument: The user is malformed.
            NotFound: No such collection, a host is not in it, or the user does not hold it.
            Aborted: The host is another version than the etag says.
            FailedPrecondition: The collection is pooled; or the destination is held, reserved for
                another, or in quarantine.
        """
        user_key = self._domains.user_key(user) if user else ""

        def work(connection: Connection) -> Moved:
            found = lock_personal(connection, collection)
            host, destination = _lock_two(connection, found, host_id, destination_host_id)
            require_etag(host, etag)
            person = holder_of(host)
            if person is None or (user_key and person.key != user_key):
                there = holder_of(destination)
                if user_key and there is not None and there.key == user_key:
                    return Moved(destination)
                raise _not_held(found, host, user)
            if destination.id == host.id:
                return Moved(host)
            _require_free(destination, person, author.now_us)
            store.free(connection, found, [host], cause=Cause.MOVE, author=author)
            wanted = [(destination, person)]
            store.hold(connection, found, wanted, cause=Cause.MOVE, authors=[author])
            return Moved(_two(connection, found, host_id, destination_host_id)[1], host)

        return await commit(work)


def _require_free(destination: Host, person: Person, now_us: int) -> None:
    if destination.hold is not None:
        raise host_held(destination, person.user, way_out="end that assignment first")
    require_available(
        destination,
        person,
        now_us=now_us,
        over_reservation="cancel the reservation first, or choose another host",
        over_quarantine="confirm its release first, or choose another host",
    )


def _require_holder(collection: Collection, host: Host) -> Person:
    person = holder_of(host)
    if person is None:
        raise host_not_assigned(collection, host.host_id)
    return person


def _not_held(collection: Collection, host: Host, user: str) -> DeskholdError:
    if user:
        return not_held_by(collection, host.host_id, user)
    return host_not_assigned(collection, host.host_id)


def _lock_two(
    connection: Connection, collection: Collection, host_id: str, other_host_id: str
) -> tuple[Host, Host]:
    return _two(connection, collection, host_id, other_host_id, lock=True)


def _two(
    connection: Connection,
    collection: Collection,
    host_id: str,
    other_host_id: str,
    *,
    lock: bool = False,
) -> tuple[Host, Host]:
    keys = {fold_id(one): one for one in (other_host_id, host_id)}
    # In one order, whichever is named first: two who wait for each other would wait for ever.
    by_key = find_hosts(connection, collection, keys, lock=lock)
    for key in (fold_id(host_id), fold_id(other_host_id)):
        if key not in by_key:
            raise host_not_found(collection, keys[key])
    return by_key[fold_id(host_id)], by_key[fold_id(other_host_id)]
