"""Keeps the authority's scopes in step with the collections and app groups of this store.

A scope is registered before its resource is committed, and removed after the resource is gone;
between the two the name is in transition and stays taken. A row in `scope_changes` is written
before the authority is asked, so that nothing is left behind whenever the broker dies: what was
being created and never committed, and what was deleted, is removed at the authority by whichever
broker runs next, again and again until it is done. Who removes takes the row first, so that a late
removal never meets the next resource of the name.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable, Sequence
from typing import Final

import structlog

from broker_service.rbac import Authority
from broker_service.registration import store
from deskhold.chassis.db import Connection, Database
from deskhold.errors import DeskholdError
from deskhold.names import Name

# Ending a claim is owed after its caller's time is over, too.
_FINISH_SECONDS: Final = 10.0


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

    async def open(self, name: Name, scopes: Sequence[str], *, seconds: float) -> str:
        """Take a name and register its scopes; return the claim that `close` wants.

        A name that is somebody's, or lies in no collection, is left alone and not claimed: the
        transaction that follows decides what to make of that.

        Raises:
            FailedPrecondition: The name is in transition, or the scope above is not registered.
            Unavailable: The authority does not answer.
        """
        claim = uuid.uuid4().hex
        now_us = self._clock_us()
        if not await self._take(
            lambda tx: store.claim_new(tx, name, claim, now_us), name.text, claim
        ):
            return ""
        try:
            await self._authority.register(scopes, seconds=seconds)
        except BaseException:
            await self._give_up(name.text, claim)
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

    async def register_missing(self, name: Name, *, seconds: float) -> bool:
        """Register the scope of what is there; say whether that was due.

        Raises:
            FailedPrecondition: The scope above is not registered.
            Unavailable: The authority does not answer.
        """
        claim = uuid.uuid4().hex
        now_us = self._clock_us()
        if not await self._take(
            lambda tx: store.claim_missing(tx, name, claim, now_us), name.text, claim
        ):
            return False
        try:
            await self._authority.register((name.scope,), seconds=seconds)
        finally:
            await self._finish(lambda tx: store.end(tx, name.text, claim))
        return True

    async def remove_orphan(self, name: Name) -> bool:
        """Remove the scope of what is not there; say whether that was due.

        Raises:
            Unavailable: The authority does not answer; it is removed later.
        """
        now_us = self._clock_us()
        if not await self._database.write(lambda tx: store.claim_orphan(tx, name, now_us)):
            return False
        await self._remove(name.text)
        return True

    async def run(self) -> None:
        """Remove what waits to be removed, until cancelled.

        Raises:
            Unavailable: The store does not answer.
            ResourceExhausted: Too much waits for it already.
        """
        while True:
            for name in await self._due():
                await self.settle(name)
            await asyncio.sleep(store.RETRY_SECONDS)

    async def _due(self) -> list[str]:
        now_us = self._clock_us()
        return await self._database.read(lambda tx: store.due_names(tx, now_us))

    async def _remove(self, name: str) -> None:
        claim = uuid.uuid4().hex
        now_us = self._clock_us()
        if not await self._take(
            lambda tx: store.take_removal(tx, name, claim, now_us), name, claim
        ):
            return
        try:
            await self._authority.unregister("/" + name)
        except BaseException:
            await self._give_up(name, claim)
            raise
        await self._finish(lambda tx: store.end(tx, name, claim))

    async def _take(self, take: Callable[[Connection], bool], name: str, claim: str) -> bool:
        """Take a name; a caller who leaves while that is committed leaves the name for removal."""
        taking = asyncio.create_task(self._database.write(take))
        try:
            return await asyncio.shield(taking)
        except asyncio.CancelledError:
            await asyncio.shield(self._give_back(taking, name, claim))
            raise

    async def _give_back(self, taking: asyncio.Task[bool], name: str, claim: str) -> None:
        await asyncio.wait([taking])
        if taking.exception() is None and taking.result():
            await self._give_up(name, claim)

    async def _give_up(self, name: str, claim: str) -> bool:
        return await self._finish(lambda tx: store.leave_for_removal(tx, name, claim))

    async def _finish(self, work: Callable[[Connection], bool]) -> bool:
        """End a claim, whether or not its caller is still there."""
        return await asyncio.shield(self._database.write(work, seconds=_FINISH_SECONDS))
