"""The policy as this process knows it, brought up to date on demand.

Several processes may write to one store. Every fully consistent question reads the head of the log
once, shared by the questions that wait at that moment, and applies what is
missing before it is answered.
"""

from __future__ import annotations

import asyncio
import math
import time

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
        self._confirmed_at = float("-inf")
        self._catching_up = asyncio.Lock()

    async def current(self, since: float = math.inf) -> Snapshot:
        """Return a snapshot that holds every change acknowledged before a request arrived.

        Args:
            since: When it arrived, on the monotonic clock. A head that was read after that serves
                it, whoever asked for the read. Unset: now.

        Raises:
            Unavailable: The store does not answer.
        """
        snapshot = self._snapshot
        if snapshot is not None and self._confirmed_at >= since:
            return snapshot
        asked_at = time.monotonic()
        snapshot = await self._newest()
        # Counted from before the read: what is committed later is not confirmed by it.
        self._confirmed_at = max(self._confirmed_at, asked_at)
        return snapshot

    async def _newest(self) -> Snapshot:
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
