"""The policy as this process knows it, brought up to date on demand.

Several processes may write to one store. A fully consistent question reads the head of the log
once, shared by the questions that wait at that moment, and applies what is missing before it is
answered. A tailer does the same over and over, so that questions that may be a little late need not
ask.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import NamedTuple

from deskhold.chassis.db import Connection, Database
from deskhold.chassis.readiness import NotReadyError
from deskhold.errors import Aborted, Unavailable
from rbac_service.access.snapshot import Snapshot
from rbac_service.access.store import load_snapshot
from rbac_service.access.tokens import Revision
from rbac_service.log.rules import Change
from rbac_service.log.store import Head, newest_head, read_after

TAIL_SECONDS = 0.04
# Twice the longest pause before the tail is started again: less may be a single failed read.
READY_AGE_SECONDS = 10.0
_KEPT_SNAPSHOTS = 64


class Freshness(NamedTuple):
    """How current an answer must be.

    Attributes:
        max_age_seconds: The policy may be as old as that; 0: as new as the store.
        since: When the request arrived, on the monotonic clock. A head that was read after that
            serves it, whoever asked for the read. Unset: now.
        at_least: It must hold these revisions, whatever its age.
    """

    max_age_seconds: float = 0.0
    since: float = math.inf
    at_least: tuple[Revision, ...] = ()


FULL = Freshness()


class Policy:
    """Holds the newest snapshot of this process, and a few older ones that pages are of.

    Args:
        database: The policy store.
        monotonic: Seconds on a clock that never goes back.
    """

    def __init__(self, database: Database, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._database = database
        self._monotonic = monotonic
        self._snapshot: Snapshot | None = None
        self._confirmed_at = float("-inf")
        self._catching_up = asyncio.Lock()
        self._kept: OrderedDict[int, Snapshot] = OrderedDict()
        self._seen = 0

    @property
    def revision(self) -> int:
        """Which revision questions are answered from; 0: none yet."""
        return 0 if self._snapshot is None else self._snapshot.revision

    @property
    def age_seconds(self) -> float:
        """How long ago the policy was confirmed to be the store's."""
        return self._monotonic() - self._confirmed_at

    @property
    def lag(self) -> int:
        """How many revisions of the store were seen that are not applied yet."""
        return max(0, self._seen - self.revision)

    async def current(self, freshness: Freshness = FULL) -> Snapshot:
        """Return a snapshot that is as current as asked.

        Raises:
            Unavailable: The store does not answer, or does not hold a revision that was promised.
        """
        snapshot = self._snapshot
        if snapshot is not None and self._is_fresh(snapshot, freshness):
            return snapshot
        # Counted from before the read: what is committed later is not confirmed by it.
        asked_at = self._monotonic()
        head = await newest_head(self._database)
        self._seen = head.revision
        snapshot = await self._reach(head)
        self._confirmed_at = max(self._confirmed_at, asked_at)
        for one in freshness.at_least:
            if one.epoch == snapshot.epoch and one.number > snapshot.revision:
                raise Unavailable(
                    f"this store is at revision {snapshot.revision}, before {one.number};"
                    " retry later",
                    retry_after_seconds=1.0,
                )
        return snapshot

    def role_name(self, role_id: str) -> str:
        """Return the display name of a role as far as this process knows it, else nothing."""
        role = self._snapshot.catalogue.find(role_id) if self._snapshot is not None else None
        return "" if role is None else role.display_name

    async def at(self, revision: int, epoch: str | None = None) -> Snapshot:
        """Return the snapshot of a revision that pages are of.

        Args:
            revision: Which one.
            epoch: Of which history; None: of the present one.

        Raises:
            Aborted: It is no longer kept.
        """
        snapshot = await self.current()
        wanted = snapshot.epoch if epoch is None else epoch
        kept = snapshot if snapshot.revision == revision else self._kept.get(revision)
        if kept is None or kept.epoch != wanted:
            raise Aborted(
                f"revision {revision}, which these pages are of, is no longer kept;"
                " start the list again",
                reason="REVISION_GONE",
                metadata={"revision": str(revision)},
            )
        return kept

    async def require_fresh(self) -> None:
        """Check that the policy follows the log.

        Raises:
            NotReadyError: It does not; says for how long.
        """
        age = self.age_seconds
        if age > READY_AGE_SECONDS:
            raise NotReadyError(
                f"the policy was confirmed {age:.0f} s ago, more than {READY_AGE_SECONDS:g} s"
            )

    async def tail(self) -> None:
        """Follow the log until cancelled.

        Raises what `current` raises.
        """
        while True:
            # What questions have just read need not be read again; what this read the last time
            # is older, however early the sleep has ended.
            await self.current(Freshness(max_age_seconds=TAIL_SECONDS / 2))
            await asyncio.sleep(TAIL_SECONDS)

    def _is_fresh(self, snapshot: Snapshot, freshness: Freshness) -> bool:
        if freshness.at_least:
            return all(
                one.epoch == snapshot.epoch and one.number <= snapshot.revision
                for one in freshness.at_least
            )
        if self._confirmed_at >= freshness.since:
            return True
        if freshness.max_age_seconds <= 0:
            return False
        return self._monotonic() - self._confirmed_at <= freshness.max_age_seconds

    async def _reach(self, head: Head) -> Snapshot:
        snapshot = self._snapshot
        if snapshot is not None and _covers(snapshot, head):
            return snapshot
        async with self._catching_up:
            snapshot = self._snapshot
            if snapshot is None or snapshot.epoch != head.epoch:
                snapshot = await self._database.read(load_snapshot)
            elif snapshot.revision < head.revision:
                snapshot = await self._catch_up(snapshot)
            self._keep(snapshot)
        return snapshot

    async def _catch_up(self, snapshot: Snapshot) -> Snapshot:
        def missing(connection: Connection) -> list[tuple[int, tuple[Change, ...]]]:
            return list(read_after(connection, snapshot.revision))

        for revision, changes in await self._database.read(missing):
            snapshot = snapshot.after(revision, changes)
        return snapshot

    def _keep(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot
        self._kept[snapshot.revision] = snapshot
        while len(self._kept) > _KEPT_SNAPSHOTS:
            self._kept.popitem(last=False)


def _covers(snapshot: Snapshot, head: Head) -> bool:
    return snapshot.epoch == head.epoch and snapshot.revision >= head.revision
