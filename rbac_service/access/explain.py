"""Why a question is answered as it is. Pure.

`decide` alone judges; what is here names the role assignments behind its answer, or those that come
nearest to another one.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import IntEnum
from itertools import islice
from typing import Final

from deskhold.identities import PrincipalKind
from deskhold.names import ancestors
from rbac_service.access.holds import Hold, group_path, holds_of, holds_on, shown
from rbac_service.access.rules import Decision, Question, decide
from rbac_service.access.snapshot import Snapshot
from rbac_service.roles.patterns import EXPLICIT_ONLY, matches
from rbac_service.roles.rules import RoleDefinition

MAX_GRANTS: Final = 100
MAX_NEAR_MISSES: Final = 20
# Holders among which groups are looked for: a near miss is a hint and not worth a search of all.
_MAX_EXAMINED: Final = 200_000
_GROUP_PREFIX: Final = f"{PrincipalKind.GROUP.value}:"


class Reason(IntEnum):
    """What is missing to an ALLOW; the smaller, the nearer."""

    NOT_STARTED = 1
    EXPIRED = 2
    EXCLUDED = 3
    OTHER_SCOPE = 4
    NOT_IN_GROUP = 5
    OTHER_ACTION = 6
    UNKNOWN_ACTION = 7
    NO_ROLE = 8


@dataclass(frozen=True, slots=True)
class Grant:
    """A role assignment that allows the action.

    Attributes:
        hold: The role assignment.
        role: The role it assigns.
        inherited: Whether it is above the scope asked about.
        through_groups: From the principal to the holder; nothing when it is the same.
    """

    hold: Hold
    role: RoleDefinition
    inherited: bool
    through_groups: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class NearMiss:
    """A role assignment that nearly allows the action.

    Attributes:
        reason: What is missing.
        message: In one sentence, for people.
        hold: The role assignment; None when none is concerned.
        role: The role it assigns; None when none is concerned.
    """

    reason: Reason
    message: str
    hold: Hold | None = None
    role: RoleDefinition | None = None


@dataclass(frozen=True, slots=True)
class Explanation:
    """An answer and its reasons.

    Attributes:
        decision: The answer, as `decide` gives it.
        grants: When allowed: what allows it, the deciding one first.
        near_misses: When denied: what comes nearest, nearest first.
    """

    decision: Decision
    grants: tuple[Grant, ...] = ()
    near_misses: tuple[NearMiss, ...] = ()


def explain(
    snapshot: Snapshot, question: Question, now_us: int, *, shows_groups: bool = True
) -> Explanation:
    """Decide one question and say why.

    Args:
        snapshot: The policy.
        question: What is asked.
        now_us: The time it is asked at.
        shows_groups: Name groups that the principal is not in, too.
    """
    decision = decide(snapshot, question, now_us)
    if decision.allowed:
        grants = islice(_grants(snapshot, question, now_us), MAX_GRANTS)
        return Explanation(decision, grants=tuple(grants))
    search = _Search(snapshot, question, now_us)
    found = [*search.here(), *search.elsewhere()]
    if shows_groups:
        found += search.in_groups()
    found += search.at_all()
    found.sort(key=lambda miss: miss.reason)  # stable: within a reason the nearest stays first
    return Explanation(decision, near_misses=tuple(found[:MAX_NEAR_MISSES]))


def _grants(snapshot: Snapshot, question: Question, now_us: int) -> Iterator[Grant]:
    keys = snapshot.closure(question.principal_keys)
    for hold in holds_on(snapshot, keys, ancestors(question.scope)):
        role = hold.role(snapshot)
        if role is not None and hold.counts_at(now_us) and role.allows(question.action):
            through = group_path(snapshot, question.principal_keys, hold.holder_key)
            yield Grant(hold, role, hold.scope != question.scope, through)


class _Search:
    """Looks for near misses; what it returns for one reason is ordered by nearness."""

    def __init__(self, snapshot: Snapshot, question: Question, now_us: int) -> None:
        self._snapshot = snapshot
        self._action = question.action
        self._scope = question.scope
        self._now_us = now_us
        self._asked = shown(question.principal_keys[0])
        self._keys = snapshot.closure(question.principal_keys)
        self._path = ancestors(question.scope)
        self._is_known = snapshot.catalogue.allowing(question.action) != 0

    def here(self) -> Iterator[NearMiss]:
        """Find what is held at the scope or above it and does not suffice."""
        for hold, role in self._with_roles(holds_on(self._snapshot, self._keys, self._path)):
            what = f"{role.display_name} at {hold.scope}"
            if role.allows(self._action):
                yield self._untimely(hold, role, what)
            elif not hold.counts_at(self._now_us):
                continue
            elif _leaves_out(role, self._action):
                message = f"{what} leaves {self._action} out by its not_actions"
                yield NearMiss(Reason.EXCLUDED, message, hold, role)
            elif self._is_known:
                message = f"{what} does not allow {self._action}"
                yield NearMiss(Reason.OTHER_ACTION, message, hold, role)

    def elsewhere(self) -> Iterator[NearMiss]:
        """Find what would suffice if it were held here, nearest scopes first."""
        if not self._is_known:
            return
        others = (
            (hold, role)
            for hold, role in self._with_roles(holds_of(self._snapshot, self._keys))
            if hold.scope not in self._path
            and hold.counts_at(self._now_us)
            and role.allows(self._action)
        )
        nearest = heapq.nsmallest(MAX_NEAR_MISSES, others, key=lambda pair: self._order(pair[0]))
        for hold, role in nearest:
            message = (
                f"{role.display_name} allows {self._action},"
                f" but it is held at {hold.scope}, not at {self._scope}"
            )
            yield NearMiss(Reason.OTHER_SCOPE, message, hold, role)

    def in_groups(self) -> Iterator[NearMiss]:
        """Find groups that may and that the principal is not in."""
        if not self._is_known:
            return
        others = (
            (hold, role)
            for key in self._other_groups()
            for hold, role in self._with_roles(holds_on(self._snapshot, (key,), self._path))
            if hold.counts_at(self._now_us) and role.allows(self._action)
        )
        nearest = heapq.nsmallest(MAX_NEAR_MISSES, others, key=lambda pair: self._order(pair[0]))
        for hold, role in nearest:
            message = (
                f"{shown(hold.holder_key)} holds {role.display_name} at {hold.scope},"
                f" and {self._asked} is not in it"
            )
            yield NearMiss(Reason.NOT_IN_GROUP, message, hold, role)

    def at_all(self) -> Iterator[NearMiss]:
        """Say that no role allows the action, or that nothing is held."""
        if not self._is_known:
            hint = (
                "no wildcard implies it, it must be granted by its full name"
                if self._action.lower() in EXPLICIT_ONLY
                else "it may be misspelt; compare it with the catalogue of actions"
            )
            message = f"no role allows {self._action}: {hint}"
            yield NearMiss(Reason.UNKNOWN_ACTION, message)
        holds = self._with_roles(holds_of(self._snapshot, self._keys))
        if not any(hold.counts_at(self._now_us) for hold, _ in holds):
            yield NearMiss(Reason.NO_ROLE, f"{self._asked} holds no role at all now")

    def _untimely(self, hold: Hold, role: RoleDefinition, what: str) -> NearMiss:
        if hold.expire_us <= self._now_us:
            message = f"{what} allows {self._action}, but ended at {_time(hold.expire_us)}"
            return NearMiss(Reason.EXPIRED, message, hold, role)
        message = f"{what} allows {self._action}, but only begins at {_time(hold.start_us)}"
        return NearMiss(Reason.NOT_STARTED, message, hold, role)

    def _with_roles(self, holds: Iterable[Hold]) -> Iterator[tuple[Hold, RoleDefinition]]:
        for hold in holds:
            role = hold.role(self._snapshot)
            if role is not None:
                yield hold, role

    def _other_groups(self) -> Iterator[str]:
        own = frozenset(self._keys)
        permanent = (key for key, _ in islice(self._snapshot.held.items(), _MAX_EXAMINED))
        timed = (key for key, _ in islice(self._snapshot.timed.items(), _MAX_EXAMINED))
        groups = {key for key in permanent if key.startswith(_GROUP_PREFIX)}
        groups |= {key for key in timed if key.startswith(_GROUP_PREFIX)}
        yield from sorted(groups - own)

    def _order(self, hold: Hold) -> tuple[int, str, str]:
        other = ancestors(hold.scope)
        shared = len(set(other) & set(self._path))
        return len(other) + len(self._path) - 2 * shared, hold.scope, hold.assignment_id


def _leaves_out(role: RoleDefinition, action: str) -> bool:
    folded = action.lower()
    return any(matches(pattern, folded) for block in role.permissions for pattern in block.actions)


def _time(time_us: int) -> str:
    moment = datetime.fromtimestamp(time_us // 1_000_000, UTC)
    return moment.isoformat().replace("+00:00", "Z")
