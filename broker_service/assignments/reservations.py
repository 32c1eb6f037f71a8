"""Keeping hosts for users: reservations, and hosts in quarantine until they are confirmed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from broker_service.assignments import store
from broker_service.assignments.rules import (
    Person,
    check_expiry,
    host_held,
    not_reserved,
    require_available,
    rights_not_removed,
)
from broker_service.assignments.usecases import lock_personal
from broker_service.history.rules import Author
from broker_service.hosts.rules import Host, Reservation, host_not_found
from broker_service.hosts.store import find_hosts
from broker_service.hosts.usecases import require_host
from deskhold.chassis.db import Connection
from deskhold.chassis.db.idempotency import Commit
from deskhold.identities import Domains
from deskhold.names import fold_id

Reply = TypeVar("Reply")


class Reservations:
    """The use cases of hosts that not everybody can have.

    Args:
        domains: The deployment's domains.
    """

    def __init__(self, domains: Domains) -> None:
        self._domains = domains

    async def reserve(
        self,
        collection: str,
        *,
        host_id: str,
        user: str,
        until_us: int,
        author: Author,
        commit: Commit[Reply],
    ) -> Reply:
        """Keep a free host for a user until a time; return the host.

        For the same user again it changes the time. It is no hold: the limit of the collection is
        judged when the user takes the host, so that the next one can be prepared before.

        Raises:
            InvalidArgument: The user is malformed; or the time has passed or is too far away.
            NotFound: No such collection, or the host is not in it.
            FailedPrecondition: The collection is pooled; or the host is held, reserved for
                another, or in quarantine.
        """
        person = Person(user, self._domains.user_key(user))
        check_expiry(until_us, author.now_us)

        def work(connection: Connection) -> Host:
            found = lock_personal(connection, collection)
            host = require_host(connection, found, host_id, lock=True)
            _require_reservable(host, person, author.now_us)
            kept = host.reservation_at(author.now_us)
            if kept is not None and kept.until_us == until_us:
                return host
            wanted = Reservation(person.user, person.key, until_us, author.actor)
            store.reserve(connection, host, wanted, author.now_us)
            return require_host(connection, found, host_id)

        return await commit(work)

    async def cancel(
        self, collection: str, *, host_id: str, author: Author, commit: Commit[Reply]
    ) -> Reply:
        """End a reservation before its time; return the host as it was.

        Raises:
            NotFound: No such collection, the host is not in it, or it is reserved for nobody.
            FailedPrecondition: The collection is pooled.
        """

        def work(connection: Connection) -> Host:
            found = lock_personal(connection, collection)
            host = require_host(connection, found, host_id, lock=True)
            if host.reservation_at(author.now_us) is None:
                raise not_reserved(found, host.host_id)
            store.end_reservations(connection, [host], author.now_us)
            return host

        return await commit(work)

    async def confirm_release(
        self,
        collection: str,
        host_ids: Sequence[str],
        *,
        force: bool,
        author: Author,
        commit: Commit[Reply],
    ) -> Reply:
        """End the quarantine of hosts, all or nothing; those in none stay as they are.

        Args:
            collection: Where.
            host_ids: Which.
            force: Do not go by what their agents report of administrators.
            author: Who confirms.
            commit: Runs the transaction.

        Returns:
            The hosts whose quarantine ended, as they were, in the order given.

        Raises:
            NotFound: No such collection, or one of the hosts is not in it.
            FailedPrecondition: The collection is pooled; or on one of the hosts somebody is still
                administrator and force was not given.
        """
        wanted = {fold_id(host_id): host_id for host_id in host_ids}

        def work(connection: Connection) -> list[Host]:
            found = lock_personal(connection, collection)
            by_key = find_hosts(connection, found, wanted, lock=True)
            for key, host_id in wanted.items():
                if key not in by_key:
                    raise host_not_found(found, host_id)
            waiting = [host for key in wanted if (host := by_key[key]).quarantined_us is not None]
            if not force:
                _require_clean(connection, waiting)
            store.release(connection, waiting, author.now_us)
            return waiting

        return await commit(work)


def _require_reservable(host: Host, person: Person, now_us: int) -> None:
    if host.hold is not None:
        raise host_held(host, person.user, way_out="end that assignment first")
    require_available(
        host,
        person,
        now_us=now_us,
        over_reservation="cancel that first, or choose another host",
        over_quarantine="confirm its release first, or choose another host",
    )


def _require_clean(connection: Connection, waiting: Sequence[Host]) -> None:
    found = store.administrators(connection, waiting)
    unclean = [host for host in waiting if host.id in found]
    if unclean:
        first = unclean[0]
        raise rights_not_removed(first.host_id, found[first.id], len(unclean) - 1)
