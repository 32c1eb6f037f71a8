"""The policy as this process knows it, brought up to date on demand.

Several processes may write to one store. Every fully consistent question reads the head of the log
once, shared by the questions that wait at that moment, and applies what is missing before it is
answered.
"""

from __future__ import annotations

import asyncio

from deskhold.chassis.database import Connection, Database
from rbac_service.access.snapshot import Snapshot
from rbac_service.access.store import load_snapshot
from rbac_service.log.rules import Change
from rbac_service.log.store import read_after, read_heads


class Policy:
    """Holds the newest snapshot of this process.

    Args:
        database: The policy store.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._snapshot: Snapshot | None = None
        self._catching_up = asyncio.Lock()

    async def current(self) -> Snapshot:
        """Return a snapshot that holds every change acknowledged before the call.

        Raises:
            Unavailable: The store does not answer.
        """
        head = await self._database.lookup(read_heads, None)
        snapshot = self._snapshot
        if snapshot is not None and _covers(snapshot, head.epoch, head.revision):
            return snapshot
        async with self._catching_up:
            snapshot = self._snapshot
            if snapshot is None or snapshot.epoch != head.epoch:
                snapshot = await self._database.read(load_snapshot)
            elif snapshot.revision < head.revision:
                snapshot = await self._catch_up(snapshot)
            self._snapshot = snapshot
        return snapshot

    async def _catch_up(self, snapshot: Snapshot) -> Snapshot:
        def missing(connection: Connection) -> list[tuple[int, tuple[Change, ...]]]:
            return list(read_after(connection, snapshot.revision))

        for revision, changes in await self._database.read(missing):
            snapshot = snapshot.after(revision, changes)
        return snapshot


def _covers(snapshot: Snapshot, epoch: str, revision: int) -> bool:
    return snapshot.epoch == epoch and snapshot.revision >= revision
