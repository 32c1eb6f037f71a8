"""Worlds drawn from a seed: a history of changes, what it leaves, and questions.

Plain pseudo-random numbers, where Hypothesis would shrink what fails but take ten times as long:
this is for many worlds, and a seed makes the one that failed again.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from deskhold.names import contains
from rbac_service.access.rules import Question
from rbac_service.access.snapshot import Snapshot
from rbac_service.log.rules import Change, ChangeKind, decode_changes, encode_changes
from rbac_service.roles.rules import Permission, RoleDefinition
from tests.rbac_service.access.reference import EXPLICIT, Plain, Row
from tests.rbac_service.access.worlds import (
    A_ONE,
    EMPTY,
    FOREIGN,
    GROUPS,
    SCOPES,
    USERS,
    WINDOWS,
    A,
    B,
    group,
    member,
    scope,
)

PLACES = (
    *SCOPES,
    f"{A_ONE}/collections/pcs",
    f"{A_ONE}/collections/pcs/appGroups/desktop",
    f"{B}/tenants/two",
)
# Asked about and assigned at, but never registered.
UNREGISTERED = (f"{A}/tenants/nowhere", f"{A_ONE}/collections/nowhere")
KEYS = (*USERS, *GROUPS, FOREIGN)
ACTIONS = (
    "p/a/read",
    "p/a/write",
    "p/b/read",
    "q/a/read",
    "P/A/Read",
    "p/a/b/read/action",
    "deskhold.resources/hosts/read",
    EXPLICIT[0],
    EXPLICIT[1].upper(),
)
PATTERNS = (
    "*",
    "*/read",
    "p/*",
    "P/A/*",
    "*a*",
    "p/*/read",
    "*/*/read",
    "q/a/read",
    "*/action",
    "deskhold.resources/*",
    EXPLICIT[0].upper(),
    EXPLICIT[1],
)
TIMES = (5, 10, 15, 20, 25)
_ROLE_IDS = ("r-0", "r-1", "r-2")
_QUESTIONS = 8

Item = TypeVar("Item")


@dataclass(frozen=True)
class Drawn:
    """One world.

    Attributes:
        revisions: The changes of each revision, as the log has them.
        plain: What is left of them, for the reference.
        left: The same as changes: additions in the order in which they were last made.
        questions: What is asked.
        now_us: When.
        page_size: How many rows a page of a list has.
    """

    revisions: Sequence[Sequence[Change]]
    plain: Plain
    left: Sequence[Change]
    questions: Sequence[Question]
    now_us: int
    page_size: int

    def followed(self) -> Snapshot:
        """Return the snapshot that follows the log, revision by revision."""
        snapshot = EMPTY
        for number, changes in enumerate(self.revisions, start=1):
            snapshot = snapshot.after(number, decode_changes(encode_changes(changes)))
        return snapshot

    def caught_up(self) -> Snapshot:
        """Return the one that takes the whole log in one step."""
        return EMPTY.after(len(self.revisions), [one for many in self.revisions for one in many])

    def anew(self) -> Snapshot:
        """Return the one of nothing but what is left."""
        return EMPTY.after(len(self.revisions), self.left)


def draw(seed: str) -> Drawn:
    """Return the world of a seed."""
    return _Drawing(random.Random(seed)).world()


class _Drawing:
    """A history in the making: what is there may go, what is not there comes."""

    def __init__(self, dice: random.Random) -> None:
        self._dice = dice
        self._roles: dict[str, RoleDefinition] = {}
        self._rows: dict[str, Row] = {}
        self._members: dict[tuple[str, str], Change] = {}
        # What is there, under a name of its own, in the order of its last addition.
        self._there: dict[str, Change] = {}

    def world(self) -> Drawn:
        dice = self._dice
        first = [scope(path) for path in PLACES] + [group(key) for key in GROUPS]
        first += [self._put_role(role_id) for role_id in _ROLE_IDS[: dice.randint(1, 3)]]
        revisions = [first]
        for _ in range(dice.choice((4, 12, 12, 40))):
            if dice.random() < 0.4:
                revisions.append([])
            revisions[-1].append(self._step())
        plain = Plain(list(self._rows.values()), list(self._members), list(self._roles.values()))
        return Drawn(
            revisions,
            plain,
            [*first[: len(PLACES) + len(GROUPS)], *self._there.values()],
            [self._question() for _ in range(_QUESTIONS)],
            dice.choice(TIMES),
            dice.randint(1, 4),
        )

    def _step(self) -> Change:
        chance = self._dice.random()
        if chance < 0.65:
            return self._assign_or_not()
        if chance < 0.92:
            return self._join_or_leave()
        role_id = self._dice.choice(_ROLE_IDS)
        if role_id in self._roles and chance < 0.95:
            # The store refuses this while the role is in use; a decision must stand it.
            del self._roles[role_id], self._there[role_id]
            return Change(ChangeKind.REMOVE_ROLE_DEFINITION, {"id": role_id})
        return self._put_role(role_id)

    def _assign_or_not(self) -> Change:
        dice = self._dice
        key, place = dice.choice(KEYS), dice.choice((*PLACES, *UNREGISTERED))
        role_id = dice.choice(_ROLE_IDS)
        name = f"{key}|{place}|{role_id}"
        if self._rows and dice.random() < 0.25:
            gone = self._rows.pop(dice.choice(list(self._rows)))
            del self._there[gone.id]
            return Change(ChangeKind.REMOVE_ROLE_ASSIGNMENT, vars(gone))
        if name in self._rows:
            del self._there[name]
            return Change(ChangeKind.REMOVE_ROLE_ASSIGNMENT, vars(self._rows.pop(name)))
        window = dice.choice(WINDOWS)
        row = Row(key, place, role_id, name, window.get("start_us"), window.get("expire_us"))
        self._rows[name] = row
        self._there[name] = Change(ChangeKind.ADD_ROLE_ASSIGNMENT, vars(row))
        return self._there[name]

    def _join_or_leave(self) -> Change:
        # Cycles too, which the store refuses: they must not hang a decision.
        pair = self._dice.choice(KEYS), self._dice.choice(GROUPS)
        name = "|".join(pair)
        if pair in self._members:
            del self._there[name]
            return Change(ChangeKind.REMOVE_GROUP_MEMBER, self._members.pop(pair).row)
        self._there[name] = self._members[pair] = member(*pair)
        return self._there[name]

    def _put_role(self, role_id: str) -> Change:
        blocks = tuple(
            Permission(self._some(PATTERNS, 1, 2), self._some(PATTERNS, 0, 2))
            for _ in range(self._dice.randint(1, 3))
        )
        role = RoleDefinition(role_id, f"Role {role_id}", "", blocks, assignable_scopes=("/",))
        self._roles[role_id] = role
        self._there[role_id] = Change(ChangeKind.ADD_ROLE_DEFINITION, role.row)
        return self._there[role_id]

    def _question(self) -> Question:
        dice = self._dice
        keys, place = self._some(KEYS, 1, 3), dice.choice((*PLACES, *UNREGISTERED))
        if self._rows and dice.random() < 0.7:
            # What is drawn blindly finds next to nothing.
            row = dice.choice(list(self._rows.values()))
            members = [one for one, of in self._members if of == row.principal_key]
            keys = (dice.choice((row.principal_key, *members)), *keys[1:])
            below = [one for one in PLACES if contains(row.scope, one)]
            place = dice.choice((row.scope, *below))
        return Question(tuple(dict.fromkeys(keys)), dice.choice(ACTIONS), place)

    def _some(self, items: Sequence[Item], least: int, most: int) -> tuple[Item, ...]:
        return tuple(self._dice.sample(items, self._dice.randint(least, most)))
