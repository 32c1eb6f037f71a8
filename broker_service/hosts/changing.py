"""Changing, draining and moving hosts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TypeVar

from broker_service.changes.rules import Changed, ResourceKind
from broker_service.changes.store import note
from broker_service.collections.rules import Collection
from broker_service.collections.store import lock_collection
from broker_service.hosts import amendments, store
from broker_service.hosts.refusals import refuse_held, refuse_stale, refuse_twice, stuck
from broker_service.hosts.rules import Host, host_not_found
from broker_service.hosts.settings import HostChanges
from deskhold.chassis.db import Connection
from deskhold.chassis.db.idempotency import Commit
from deskhold.errors import InvalidArgument
from deskhold.names import Kind, Name, fold_id, parse

Reply = TypeVar("Reply")


class ChangeHosts:
    """The use cases of hosts that are there."""

    async def update(
        self, name: Name, changes: HostChanges, *, etag: str, now_us: int, commit: Commit[Reply]
    ) -> Reply:
        """Change one host; the same values again change nothing.

        Raises:
            NotFound: No such collection or host.
            Aborted: It is not the version of the etag.
        """

        def work(connection: Connection) -> Host:
            collection = lock_collection(connection, name.collection.text)
            (host,) = present(connection, collection, [name.id])
            refuse_stale(host, etag)
            (changed,) = _change(connection, collection, [host], changes, now_us)
            return changed

        return await commit(work)

    async def update_many(
        self,
        parent: str,
        host_ids: Sequence[str],
        changes: HostChanges,
        *,
        now_us: int,
        commit: Commit[Reply],
    ) -> Reply:
        """Make the same change to hosts, all or nothing; return them in the order given.

        Raises:
            NotFound: No such collection, or one of the hosts is not in it.
            InvalidArgument: A host is named twice.
        """
        refuse_twice(host_ids, "names")

        def work(connection: Connection) -> list[Host]:
            collection = lock_collection(connection, parent)
            there = present(connection, collection, host_ids)
            return _change(connection, collection, there, changes, now_us)

        return await commit(work)

    async def move(
        self,
        parent: str,
        host_ids: Sequence[str],
        *,
        destination: str,
        now_us: int,
        commit: Commit[Reply],
    ) -> Reply:
        """Move hosts to another collection of the tenant, all or nothing; return them there.

        Raises:
            NotFound: No such collection, or one of the hosts is not in it.
            InvalidArgument: A host is named twice, or the destination is the same collection or one
                of another tenant.
            FailedPrecondition: One of them is held, reserved, in quarantine, or in use.
        """
        refuse_twice(host_ids, "names")
        _refuse_destination(parent, destination)

        def work(connection: Connection) -> list[Host]:
            # By name, so that two who move against each other do not wait in a circle.
            names = sorted((parent, destination))
            by_name = {name: lock_collection(connection, name) for name in names}
            moved = present(connection, by_name[parent], host_ids)
            refuse_held(moved, "remove the assignment first")
            for host in moved:
                refusal = stuck(host, now_us)
                if refusal is not None:
                    raise refusal
            amendments.move_hosts(connection, moved, by_name[destination], now_us)
            there = present(connection, by_name[destination], host_ids)
            note_hosts(connection, (*moved, *there), now_us)
            return there

        return await commit(work)


def present(connection: Connection, collection: Collection, host_ids: Iterable[str]) -> list[Host]:
    """Return hosts of a collection in the order given, locked.

    Raises:
        NotFound: One of them is not in the collection.
    """
    wanted = list(host_ids)
    by_key = store.find_hosts(connection, collection, map(fold_id, wanted), lock=True)
    for host_id in wanted:
        if fold_id(host_id) not in by_key:
            raise host_not_found(collection, host_id)
    return [by_key[fold_id(host_id)] for host_id in wanted]


def note_hosts(connection: Connection, changed: Iterable[Host], now_us: int) -> None:
    """Note that hosts were made, changed or removed."""
    note(connection, [Changed(ResourceKind.HOST, host.name, now_us) for host in changed])


def _change(
    connection: Connection,
    collection: Collection,
    there: Sequence[Host],
    changes: HostChanges,
    now_us: int,
) -> list[Host]:
    changed = [host for host in there if changes.would_change(host)]
    if not changed:
        return list(there)
    amendments.change_hosts(connection, changed, changes, now_us)
    note_hosts(connection, changed, now_us)
    now = store.find_hosts(connection, collection, [host.key for host in changed])
    return [now.get(host.key, host) for host in there]


def _refuse_destination(parent: str, destination: str) -> None:
    if parent == destination:
        raise InvalidArgument.of_field("destination", f"{destination!r} is where the hosts are")
    tenants = [parse(name, Kind.COLLECTION).parent.text for name in (parent, destination)]
    if tenants[0] != tenants[1]:
        raise InvalidArgument.of_field(
            "destination", f"{destination!r} is of another tenant; remove and add the hosts instead"
        )
