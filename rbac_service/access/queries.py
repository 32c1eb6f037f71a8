"""What is asked of the whole policy: explanations, lists, what-if, lint.

Each is computed on one immutable snapshot in a thread, for at a million role assignments it takes
longer than an event loop may stand still.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

from deskhold.chassis.paging import Page
from rbac_service.access import lists
from rbac_service.access.explain import Explanation, explain
from rbac_service.access.policy import FULL, Freshness, Policy
from rbac_service.access.rules import Decision, Question, decide
from rbac_service.access.snapshot import Snapshot
from rbac_service.access.whatif import Hypothesis, suppose
from rbac_service.roles.lint import Finding, lint

# Any of these lets a caller learn which groups hold what at a scope.
_SEES_GROUPS: Final = (
    "deskhold.authorization/roleAssignments/read",
    "deskhold.authorization/checkAccess/action",
)
_KEPT_LISTS: Final = 16
# Long walks through everything take turns: more at once would keep the interpreter from the checks.
_LONG_WALKS: Final = 2

Row = TypeVar("Row")


@dataclass(frozen=True, slots=True)
class Listed(Generic[Row]):
    """One row of a list.

    Attributes:
        row: What it says.
        cursor: Where the list goes on behind it.
    """

    row: Row
    cursor: str


@dataclass(frozen=True, slots=True)
class Listing(Generic[Row]):
    """Rows of one page, and one more when another page follows.

    Attributes:
        rows: The rows.
        revision: The policy revision that all pages are of.
    """

    rows: Sequence[Listed[Row]]
    revision: int


@dataclass(frozen=True, slots=True)
class WhatIf:
    """Answers as things are and as they would be, in the order of the questions.

    Attributes:
        before: As they are.
        after: As they would be.
        revision: The policy revision they start from.
    """

    before: Sequence[Decision]
    after: Sequence[Decision]
    revision: int


@dataclass(frozen=True, slots=True)
class _Moment:
    """What all pages of a list are of: one revision, at one time."""

    epoch: str
    revision: int
    now_us: int

    def cursor(self, position: int) -> str:
        return f"{self.epoch}:{self.revision}:{self.now_us}:{position}"

    @classmethod
    def read(cls, cursor: str) -> tuple[_Moment, int]:
        epoch, revision, now_us, position = cursor.split(":")
        return cls(epoch, int(revision), int(now_us)), int(position)


@dataclass(frozen=True, slots=True)
class _Kept:
    """A list's snapshot, and its candidates in order."""

    snapshot: Snapshot
    candidates: Sequence[str]


class Queries:
    """Answers what is asked of the whole policy.

    Args:
        policy: The policy.
        clock_us: Microseconds since the epoch.
    """

    def __init__(self, policy: Policy, clock_us: Callable[[], int]) -> None:
        self._policy = policy
        self._clock_us = clock_us
        self._turns = asyncio.Semaphore(_LONG_WALKS)
        self._kept: OrderedDict[tuple[Hashable, _Moment], _Kept] = OrderedDict()

    async def explain(
        self, question: Question, asker_keys: tuple[str, ...], freshness: Freshness = FULL
    ) -> Explanation:
        """Decide one question and say why.

        Groups that the principal is not in are named only to those who may see them: to others they
        would tell what there is at scopes they know nothing of.

        Args:
            question: What is asked.
            asker_keys: Who asks, as keys.
            freshness: How current the answer must be.

        Raises:
            Unavailable: The store cannot confirm that the answer would be current enough.
        """
        snapshot = await self._policy.current(freshness)
        now_us = self._clock_us()
        shows_groups = any(
            decide(snapshot, Question(asker_keys, action, question.scope), now_us).allowed
            for action in _SEES_GROUPS
        )
        return await asyncio.to_thread(
            explain, snapshot, question, now_us, shows_groups=shows_groups
        )

    async def what_if(self, changes: Sequence[Hypothesis], questions: Sequence[Question]) -> WhatIf:
        """Decide questions as things are, and as if some changes had been made.

        Raises:
            NotFound: A change names something that is not there.
            FailedPrecondition: A change could not be made.
            Unavailable: The store cannot confirm that the answers would be current.
        """
        snapshot = await self._policy.current()
        now_us = self._clock_us()

        def work() -> WhatIf:
            supposed = suppose(snapshot, changes)
            return WhatIf(
                [decide(snapshot, question, now_us) for question in questions],
                [decide(supposed, question, now_us) for question in questions],
                snapshot.revision,
            )

        return await asyncio.to_thread(work)

    async def lint(self) -> list[Finding]:
        """Return what is legal but probably not meant.

        Raises:
            Unavailable: The store does not answer.
        """
        snapshot = await self._policy.current()
        async with self._turns:
            return await asyncio.to_thread(lint, snapshot, self._clock_us())

    async def list_scopes(self, question: Question, page: Page) -> Listing[str]:
        """Return the registered scopes at the question's scope and below that allow it, by path.

        Raises:
            Aborted: The revision that the pages are of is gone.
            Unavailable: The store does not answer.
        """
        return await self._list(
            ("scopes", question),
            page,
            lambda snapshot, now_us: lists.accessible_scopes(snapshot, question, now_us),
            lambda _, __, scope: scope,
        )

    async def list_principals(
        self, action: str, scope: str, page: Page
    ) -> Listing[lists.PrincipalAccess]:
        """Return who may do an action at a scope, by key.

        Raises:
            Aborted: The revision that the pages are of is gone.
            Unavailable: The store does not answer.
        """
        return await self._list(
            ("principals", action, scope),
            page,
            lambda snapshot, _: lists.principals_reached(snapshot, scope),
            lambda snapshot, now_us, key: lists.principal_access(
                snapshot, action, scope, now_us, key
            ),
        )

    async def list_permissions(
        self, scope: str, principal_key: str | None, page: Page
    ) -> Listing[lists.EffectivePermissions]:
        """Return who may do what at a scope, by key.

        Args:
            scope: Where.
            principal_key: Only this principal; None: everybody.
            page: Which page.

        Raises:
            Aborted: The revision that the pages are of is gone.
            Unavailable: The store does not answer.
        """
        return await self._list(
            ("permissions", scope, principal_key),
            page,
            lambda snapshot, _: (
                lists.principals_reached(snapshot, scope)
                if principal_key is None
                else [principal_key]
            ),
            lambda snapshot, now_us, key: lists.effective_permissions(snapshot, scope, now_us, key),
        )

    async def _list(
        self,
        query: Hashable,
        page: Page,
        gather: Callable[[Snapshot, int], Sequence[str]],
        judge: Callable[[Snapshot, int, str], Row | None],
    ) -> Listing[Row]:
        """Gather candidates once, judge as many as the page needs, and keep them for the next one.

        A cursor holds the moment and the next candidate's number: the same snapshot and time always
        give the same candidates.
        """
        if page.after is None:
            snapshot, start = await self._policy.current(), 0
            moment = _Moment(snapshot.epoch, snapshot.revision, self._clock_us())
            kept = None
        else:
            moment, start = _Moment.read(page.after)
            kept = self._kept.get((query, moment))
            snapshot = (
                await self._policy.at(moment.revision, moment.epoch)
                if kept is None
                else kept.snapshot
            )

        def work() -> tuple[Sequence[str], list[Listed[Row]]]:
            now_us = moment.now_us
            candidates = gather(snapshot, now_us) if kept is None else kept.candidates
            rows: list[Listed[Row]] = []
            for position in range(start, len(candidates)):
                row = judge(snapshot, now_us, candidates[position])
                if row is not None:
                    rows.append(Listed(row, moment.cursor(position + 1)))
                    if len(rows) == page.probe:
                        break
            return candidates, rows

        async with self._turns:
            candidates, rows = await asyncio.to_thread(work)
        if len(rows) == page.probe:
            self._keep((query, moment), _Kept(snapshot, candidates))
        return Listing(rows, moment.revision)

    def _keep(self, key: tuple[Hashable, _Moment], kept: _Kept) -> None:
        self._kept[key] = kept
        self._kept.move_to_end(key)
        while len(self._kept) > _KEPT_LISTS:
            self._kept.popitem(last=False)


def cursor_of(listed: Listed[Row]) -> str:
    """Return where a list goes on behind one of its rows."""
    return listed.cursor
