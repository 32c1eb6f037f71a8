"""Keeps the authority's scopes in step with the collections of this store.

A scope is registered before its collection is committed, and removed after its collection is gone;
between the two the name is in transition and stays taken. A row in `scope_changes` is written
before the authority is asked, so that
nothing is left behind whenever the broker dies: what was being created and never committed, and
    what was deleted, is
removed at the authority by whichever broker runs next, again and again until it is done.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable, Sequence

import structlog
from sqlalchemy import Connection, delete, insert, or_, select, update

from broker_service.rbac import Authority
from broker_service.tables import collections, scope_changes
from deskhold.chassis.database import Database
from deskhold.errors import Aborted, FailedPrecondition, Unavailable

# Longer than any call may take, so that a creation in flight is never taken for one that was left
# behind.
_ABANDONED_US = 300 * 1_000_000
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

    async def open(self, name: str, scopes: Sequence[str]) -> str:
        """Take a name and register its scopes; return the claim that `close` wants.

        A name that has a collection is left alone: the transaction that follows decides what to
            make of that.

        Raises:
            FailedPrecondition: The name is in transition, or the scope above is not registered.
            Unavailable: The authority does not answer.
        """
        claim = uuid.uuid4().hex
        now_us = self._clock_us()
        if await self._database.writer.call(lambda tx: _exists_or_claim(tx, name, claim, now_us)):
            return ""
        try:
            await self._authority.register(scopes)
        except BaseException:
            await self.abandon(name, claim)
            raise
        return claim

    async def abandon(self, name: str, claim: str) -> None:
        """Give up a creation: what may be registered is to be removed."""
        if claim:
            await asyncio.shield(
                self._database.writer.call(lambda tx: _mark_for_removal(tx, name, claim))
            )

    async def settle(self, name: str) -> None:
        """Remove the scope of a deleted name now; without the authority it is retried later."""
        try:
            await self._remove(name)
        except Unavailable:
            self._logger.info("scope removal is retried later", name=name)

    async def run(self) -> None:
        """Remove what waits to be removed, until cancelled."""
        while True:
            try:
                for name in await self._due():
                    await self._remove(name)
            except Unavailable:
                self._logger.info("scope removals wait for the authority or the store")
            await asyncio.sleep(_RETRY_SECONDS)

    async def _due(self) -> list[str]:
        before_us = self._clock_us() - _ABANDONED_US

        def due(connection: Connection) -> list[str]:
            query = select(scope_changes.c.name).where(
                or_(scope_changes.c.state == "REMOVING", scope_changes.c.since_us < before_us)
            )
            return list(connection.execute(query.limit(_SETTLED_AT_ONCE)).scalars())

        return await self._database.read(due)

    async def _remove(self, name: str) -> None:
        await self._authority.unregister("/" + name)
        await self._database.writer.call(
            lambda tx: tx.execute(delete(scope_changes).where(scope_changes.c.name == name))
        )


def close(connection: Connection, name: str, claim: str) -> None:
    """End a creation, in the transaction that commits the collection.

    Raises:
        Aborted: The creation took so long that it was given up.
    """
    gone = delete(scope_changes).where(scope_changes.c.name == name, scope_changes.c.owner == claim)
    if connection.execute(gone).rowcount != 1:
        raise Aborted(
            f"creating {name} took too long and was given up; try again", metadata={"name": name}
        )


def mark_deleted(connection: Connection, name: str, now_us: int) -> None:
    """Keep a deleted name taken until its scope is removed, in the transaction that deletes it."""
    connection.execute(
        insert(scope_changes).values(name=name, state="REMOVING", owner="", since_us=now_us)
    )


def _exists_or_claim(connection: Connection, name: str, claim: str, now_us: int) -> bool:
    if connection.execute(select(collections.c.id).where(collections.c.name == name)).first():
        return True
    if connection.execute(select(scope_changes).where(scope_changes.c.name == name)).first():
        raise FailedPrecondition(
            f"{name} is being created or was deleted a moment ago; retry shortly",
            reason="NAME_IN_TRANSITION",
            metadata={"name": name},
            retry_after_seconds=_RETRY_SECONDS,
        )
    connection.execute(
        insert(scope_changes).values(name=name, state="CREATING", owner=claim, since_us=now_us)
    )
    return False


def _mark_for_removal(connection: Connection, name: str, claim: str) -> None:
    connection.execute(
        update(scope_changes)
        .where(scope_changes.c.name == name, scope_changes.c.owner == claim)
        .values(state="REMOVING", owner="")
    )
