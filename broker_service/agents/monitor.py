"""Noticing what does not come: reports, sign-ins, results of commands.

It works in small steps, each a transaction of its own, so that nobody waits long for the writer.
Any number of brokers may do so at once: who finds a host locked leaves it to the other.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence

import structlog
from sqlalchemy import Connection, delete, or_, select, update

from broker_service.agents.rules import AHEAD_US, SILENT_US
from broker_service.changes.rules import Changed, ResourceKind
from broker_service.changes.store import note
from broker_service.hosts.amendments import lock_rows, recount
from broker_service.hosts.rules import Status
from broker_service.hosts.store import reckon
from broker_service.sessions.records import expire_old_commands, prune_commands
from broker_service.sessions.rules import SIGN_IN_US
from broker_service.tables import collections, host_reports, hosts, sign_ins
from deskhold.chassis.db import Database

_AT_ONCE = 200
_PAUSE_SECONDS = 5.0
_NAMES = select(hosts.c.id, hosts.c.host_id, collections.c.name).join(
    collections, collections.c.id == hosts.c.collection_id
)


class Monitor:
    """Ends what has become too old.

    Args:
        database: The broker's store.
        clock_us: Microseconds since the epoch.
        logger: Where is said what was noticed.
    """

    def __init__(
        self,
        database: Database,
        *,
        clock_us: Callable[[], int],
        logger: structlog.typing.FilteringBoundLogger,
    ) -> None:
        self._database = database
        self._clock_us = clock_us
        self._started = time.monotonic()
        self._logger = logger

    async def run(self) -> None:
        """Step until cancelled.

        Raises what `step` raises.
        """
        while True:
            now_us = self._clock_us()
            running_us = int((time.monotonic() - self._started) * 1e6)
            if not await self.step(now_us, since_us=now_us - running_us):
                await asyncio.sleep(_PAUSE_SECONDS)

    async def step(self, now_us: int, *, since_us: int) -> bool:
        """Do a little of what is due; say whether there may be more.

        Args:
            now_us: The time now.
            since_us: Since when this broker runs. Until agents could report to it for as long as
                they may be silent, silence says nothing about them.

        Raises:
            Unavailable: The store does not answer.
            ResourceExhausted: Too much waits for it already.
        """
        ahead = await self._run(_take_back, now_us)
        if ahead:
            self._logger.warning(
                "hosts reported under a clock that is ahead; their last report counts as of now",
                hosts=ahead,
            )
        is_more = ahead == _AT_ONCE
        if now_us - since_us >= SILENT_US:
            silent = await self._run(_mark_silent, now_us)
            if silent:
                self._logger.info("hosts do not report any more", hosts=silent)
            is_more |= silent == _AT_ONCE
        for work in (_end_sign_ins, _expire_commands, _prune_commands):
            is_more |= await self._run(work, now_us) == _AT_ONCE
        return is_more

    async def _run(self, work: Callable[[Connection, int], int], now_us: int) -> int:
        return await self._database.write(lambda tx: work(tx, now_us))


def _take_back(connection: Connection, now_us: int) -> int:
    """Date reports from the future as of now, so that silence is noticed; return how many."""
    is_ahead = host_reports.c.heartbeat_us > now_us + AHEAD_US
    query = select(host_reports.c.host).where(is_ahead).limit(_AT_ONCE)
    ids = lock_rows(connection, connection.execute(query).scalars(), waiting=False)
    if not ids:
        return 0
    connection.execute(
        update(host_reports)
        .where(host_reports.c.host.in_(ids), is_ahead)
        .values(heartbeat_us=now_us)
    )
    return len(ids)


def _mark_silent(connection: Connection, now_us: int) -> int:
    """Make hosts unavailable whose agents are silent; return how many."""
    is_silent = (
        host_reports.c.heartbeat_us < now_us - SILENT_US,
        host_reports.c.status != Status.UNAVAILABLE.value,
    )
    query = select(host_reports.c.host).where(*is_silent).order_by(host_reports.c.heartbeat_us)
    ids = lock_rows(connection, connection.execute(query.limit(_AT_ONCE)).scalars(), waiting=False)
    if not ids:
        return 0
    # Asked again: a report may have come before the locks were ours.
    silent = list(
        connection.execute(
            select(host_reports.c.host).where(host_reports.c.host.in_(ids), *is_silent)
        ).scalars()
    )
    connection.execute(
        update(host_reports)
        .where(host_reports.c.host.in_(silent), *is_silent)
        .values(status=Status.UNAVAILABLE.value)
    )
    reckon(connection, silent)
    _note(connection, silent, now_us)
    return len(silent)


def _end_sign_ins(connection: Connection, now_us: int) -> int:
    """Forget users who were sent to a host and never arrived; return how many."""
    # One from further in the future than any lasts was made under a clock that is ahead.
    is_old = or_(
        sign_ins.c.expires_us < now_us,
        sign_ins.c.expires_us > now_us + SIGN_IN_US + AHEAD_US,
    )
    query = select(sign_ins.c.host).where(is_old).order_by(sign_ins.c.expires_us).limit(_AT_ONCE)
    ids = lock_rows(connection, connection.execute(query).scalars(), waiting=False)
    if not ids:
        return 0
    gone = connection.execute(delete(sign_ins).where(sign_ins.c.host.in_(ids), is_old)).rowcount
    recount(connection, ids)
    _note(connection, ids, now_us)
    return min(gone, _AT_ONCE)


def _expire_commands(connection: Connection, now_us: int) -> int:
    return expire_old_commands(connection, now_us, limit=_AT_ONCE)


def _prune_commands(connection: Connection, now_us: int) -> int:
    return prune_commands(connection, now_us, limit=_AT_ONCE)


def _note(connection: Connection, ids: Sequence[int], now_us: int) -> None:
    rows = connection.execute(_NAMES.where(hosts.c.id.in_(ids))).all()
    note(
        connection,
        (Changed(ResourceKind.HOST, f"{row.name}/hosts/{row.host_id}", now_us) for row in rows),
    )
