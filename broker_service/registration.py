"""Keeps the authority's scopes in step with the collections of this store.

A scope is registered before its collection is committed, and removed after its collection is gone;
between the two the name is in transition and stays taken. A row in `scope_changes` is written
before the authority is asked, so that nothing is left behind whenever the broker dies: what was
being created and never committed, and what was deleted, is removed at the authority by whichever
broker runs next, again and again until it is done. Who removes takes the row first, so that a late
removal never meets the next collection of the name.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable, Sequence

import structlog
from sqlalchemy import ColumnElement, Connection, and_, delete, insert, or_, select, update

from broker_service.rbac import Authority
from broker_service.tables import collections, scope_changes
from deskhold.chassis.database import Database
from deskhold.errors import DeskholdError, FailedPrecondition

# Longer than any call may take, so that a creation in flight is never taken for
# one that was left behind.
_ABANDONED_US = 300 * 1_000_000
# Longer than removing one scope takes; after that whoever took it is taken for dead.
_TAKEN_US = 30 * 1_000_000
_RETRY_SECONDS = 2.0
_SETTLED_AT_ONCE = 100


class Registration:
    """Registers and removes scopes.

    Args:
        database: The broker's store.
        authority: Where scopes are registered.
        clock_us: Microseconds since the epoch.
        logger: Where retries are reported.
    """

    def __init__(
        self,
        database: Database,
        authority: Authority,
        *,
        clock_us: Callable[[], int],
        logger: structlog.typing.FilteringBoundLogger,
    ) -> None:
        self._database = database
        self._authority = authority
        self._clock_us = clock_us
        self._logger = logger

    async def require_parent(self, scope: str, *, seconds: float) -> None:
        """Check that the scope above a new collection is registered.

        Raises:
            FailedPrecondition: It is not.
            Unavailable: The authority does not answer.
        """
        await self._authority.require_scope(scope, seconds=seconds)

    async def open(self, name: str, scopes: Sequence[str], *, seconds: float) -> str:
        """Take a name and register its scopes; return the claim that `close` wants.

        A name that has a collection is left alone and not claimed: the transaction that follows
        decides what to make of that.

        Raises:
            FailedPrecondition: The name is in transition, or the scope above is not registered.
            Unavailable: The authority does not answer.
        """
        claim = uuid.uuid4().hex
        now_us = self._clock_us()
        if await self._database.writer.call(lambda tx: _exists_or_claim(tx, name, claim, now_us)):
            return ""
        try:
            await self._authority.register(scopes, seconds=seconds)
        except BaseException:
            await self._give_up(name, claim)
            raise
        return claim

    async def abandon(self, name: str, claim: str) -> None:
        """End a creation unless `close` has: remove what is registered, now or later."""
        if claim and await self._give_up(name, claim):
            await self.settle(name)

    async def settle(self, name: str) -> None:
        """Remove the scope of a name that is to be removed; what fails is retried later."""
        try:
            await self._remove(name)
        except DeskholdError as error:
            self._logger.info("scope removal is retried later", name=name, reason=error.reason)

    async def run(self) -> None:
        """Remove what waits to be removed, until cancelled."""
        while True:
            try:
                for name in await self._due():
                    await self.settle(name)
            except DeskholdError as error:
                self._logger.info("scope removals wait for the store", reason=error.reason)
            await asyncio.sleep(_RETRY_SECONDS)

    async def _due(self) -> list[str]:
        query = select(scope_changes.c.name).where(_is_due(self._clock_us()))

        def due(connection: Connection) -> list[str]:
            return list(connection.execute(query.limit(_SETTLED_AT_ONCE)).scalars())

        return await self._database.read(due)

    async def _remove(self, name: str) -> None:
        claim = uuid.uuid4().hex
        now_us = self._clock_us()
        if not await self._database.writer.call(lambda tx: _take(tx, name, claim, now_us)):
            return
        try:
            await self._authority.unregister("/" + name)
        except BaseException:
            await self._give_up(name, claim)
            raise
        await self._database.writer.call(lambda tx: _end(tx, name, claim))

    async def _give_up(self, name: str, claim: str) -> bool:
        return await asyncio.shield(
            self._database.writer.call(lambda tx: _leave_for_removal(tx, name, claim))
        )


def close(connection: Connection, name: str, claim: str) -> None:
    """End a creation, in the transaction that commits the collection.

    Raises:
        FailedPrecondition: The name was not claimed, because a collection had it that is gone now,
            or the creation took so long that it was given up.
    """
    if not _end(connection, name, claim):
        raise _in_transition(name)


def mark_deleted(connection: Connection, name: str, now_us: int) -> None:
    """Keep a deleted name taken until its scope is removed, in the transaction that deletes it."""
    connection.execute(
        insert(scope_changes).values(name=name, state="REMOVING", owner="", since_us=now_us)
    )


def _exists_or_claim(connection: Connection, name: str, claim: str, now_us: int) -> bool:
    if _exists(connection, name):
        return True
    if connection.execute(select(scope_changes).where(scope_changes.c.name == name)).first():
        raise _in_transition(name)
    connection.execute(
        insert(scope_changes).values(name=name, state="CREATING", owner=claim, since_us=now_us)
    )
    # Another broker may have made it between the two looks. From here on nobody can: the name is
    # taken.
    if not _exists(connection, name):
        return False
    connection.execute(delete(scope_changes).where(scope_changes.c.owner == claim))
    return True


def _exists(connection: Connection, name: str) -> bool:
    query = select(collections.c.id).where(collections.c.name == name)
    return connection.execute(query).first() is not None


def _is_due(now_us: int) -> ColumnElement[bool]:
    is_free = or_(scope_changes.c.owner == "", scope_changes.c.since_us < now_us - _TAKEN_US)
    return or_(
        and_(scope_changes.c.state == "REMOVING", is_free),
        scope_changes.c.since_us < now_us - _ABANDONED_US,
    )


def _take(connection: Connection, name: str, claim: str, now_us: int) -> bool:
    taken = update(scope_changes).where(scope_changes.c.name == name, _is_due(now_us))
    values = {"state": "REMOVING", "owner": claim, "since_us": now_us}
    return connection.execute(taken.values(values)).rowcount == 1


def _end(connection: Connection, name: str, claim: str) -> bool:
    gone = delete(scope_changes).where(scope_changes.c.name == name, scope_changes.c.owner == claim)
    return bool(claim) and connection.execute(gone).rowcount == 1


def _leave_for_removal(connection: Connection, name: str, claim: str) -> bool:
    left = update(scope_changes).where(scope_changes.c.name == name, scope_changes.c.owner == claim)
    return connection.execute(left.values(state="REMOVING", owner="")).rowcount == 1


def _in_transition(name: str) -> FailedPrecondition:
    return FailedPrecondition(
        f"{name} is being created or was deleted a moment ago; retry shortly",
        reason="NAME_IN_TRANSITION",
        metadata={"name": name},
        retry_after_seconds=_RETRY_SECONDS,
    )
