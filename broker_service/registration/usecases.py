"""Comparing the two stores, and making them agree."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from operator import attrgetter

from broker_service.rbac import Authority
from broker_service.registration import store
from broker_service.registration.outbox import Registration
from broker_service.registration.rules import (
    Mismatch,
    MismatchKind,
    Resources,
    not_registered,
    orphaned,
)
from deskhold.chassis.db import Database
from deskhold.errors import FailedPrecondition
from deskhold.names import Name, parse_scope

REPAIRED_AT_ONCE = 1_000


@dataclass(frozen=True, slots=True)
class Comparison:
    """What a comparison found.

    Attributes:
        mismatches: Where the stores differ, by scope.
        compared_count: How many collections and app groups were looked at.
    """

    mismatches: Sequence[Mismatch]
    compared_count: int


class ScopeComparison:
    """The use cases of registration.

    Args:
        database: The broker's store.
        authority: Has the scopes.
        registration: Keeps them in step.
    """

    def __init__(
        self, database: Database, authority: Authority, registration: Registration
    ) -> None:
        self._database = database
        self._authority = authority
        self._registration = registration

    async def compare(self, where: Name, *, seconds: float) -> Comparison:
        """Return where the stores differ below the deployment or a tenant.

        Each store is looked at before and after the other, so that what comes or goes meanwhile is
        not taken for a difference.

        Raises:
            Unavailable: The authority does not answer.
        """
        before = await self._resources(where)
        registered = await self._authority.list_registered(where.scope, seconds=seconds)
        after = await self._resources(where)
        found = not_registered(before, registered, after)
        if orphaned(registered, after, registered):
            again = await self._authority.list_registered(where.scope, seconds=seconds)
            found += orphaned(registered, after, again)
        return Comparison(sorted(found, key=attrgetter("scope")), len(after.uids))

    async def repair(
        self, where: Name, *, seconds: float, validate_only: bool
    ) -> Sequence[Mismatch]:
        """Register what is missing, remove what nothing stands for; return what was different.

        At most `REPAIRED_AT_ONCE`; repeating it goes on. Whatever was made or deleted since it was
        compared is left alone.

        Raises:
            FailedPrecondition: The scope of a tenant is not registered; the others were repaired.
            Unavailable: The authority does not answer.
        """
        comparison = await self.compare(where, seconds=seconds)
        found = comparison.mismatches[:REPAIRED_AT_ONCE]
        if validate_only:
            return found
        repaired: dict[str, Mismatch] = {}
        refusal: FailedPrecondition | None = None
        for mismatch in found:
            name = parse_scope(mismatch.scope)
            try:
                if mismatch.kind is MismatchKind.NOT_REGISTERED:
                    is_due = await self._registration.register_missing(name, seconds=seconds)
                elif name.collection.scope in repaired:
                    # Outer scopes come first: it went with that of its collection.
                    is_due = repaired[name.collection.scope].kind is MismatchKind.ORPHANED
                else:
                    is_due = await self._registration.remove_orphan(name)
            except FailedPrecondition as error:
                refusal = refusal or error
                continue
            if is_due:
                repaired[mismatch.scope] = mismatch
        if refusal is not None:
            raise refusal
        return list(repaired.values())

    async def _resources(self, where: Name) -> Resources:
        return await self._database.read(lambda tx: store.read_resources(tx, where.text))
