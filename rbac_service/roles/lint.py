"""What is legal in a policy but probably not meant. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Final

from deskhold.identities import PrincipalKind
from deskhold.names import ancestors
from rbac_service.access.holds import Hold, holds_of, shown
from rbac_service.access.snapshot import Snapshot
from rbac_service.roles.cover import missing
from rbac_service.roles.patterns import covered_by_any, covers, meet
from rbac_service.roles.rules import Permission, RoleDefinition

# One answer holds all findings, and must stay far below what a message may hold.
MAX_FINDINGS_OF_A_KIND: Final = 1000


class LintKind(Enum):
    """The kinds of finding."""

    NOT_ACTIONS_ANNULLED = "not_actions_annulled"
    ORPHANED = "orphaned"
    UNREACHABLE_ROLE = "unreachable_role"
    EXPIRED = "expired"
    REDUNDANT = "redundant"


@dataclass(frozen=True, slots=True)
class Finding:
    """One finding.

    Attributes:
        kind: What kind.
        subject: The resource name of the role definition or role assignment concerned.
        message: In one sentence, for people.
    """

    kind: LintKind
    subject: str
    message: str


def lint(snapshot: Snapshot, now_us: int) -> list[Finding]:
    """Return the findings, by kind and subject.

    Of each kind at most `MAX_FINDINGS_OF_A_KIND` are named; a last one without a subject says how
    many more there are.
    """
    linter = _Linter(snapshot, now_us)
    found = sorted(linter.findings(), key=lambda one: (one.kind.value, one.subject, one.message))
    return list(_bounded(found))


class _Linter:
    def __init__(self, snapshot: Snapshot, now_us: int) -> None:
        self._snapshot = snapshot
        self._now_us = now_us
        self._given_back: dict[tuple[str, str], str] = {}
        self._covering: dict[tuple[str, str], bool] = {}
        self._reached_roles: set[str] = set()

    def findings(self) -> Iterator[Finding]:
        principals = {key for key, _ in self._snapshot.held.items()}
        principals |= {key for key, _ in self._snapshot.timed.items()}
        for key in principals:
            yield from self._of_principal(key)
        for role in self._snapshot.catalogue.roles:
            if not role.built_in and role.id not in self._reached_roles:
                message = f"nobody holds {role.display_name}"
                yield Finding(LintKind.UNREACHABLE_ROLE, role.name, message)

    def _of_principal(self, key: str) -> Iterator[Finding]:
        sound: list[tuple[Hold, RoleDefinition]] = []
        for hold in holds_of(self._snapshot, (key,)):
            role = hold.role(self._snapshot)
            if role is None or self._is_unknown_group(key):
                yield self._orphaned(hold, role)
            if hold.expire_us <= self._now_us:
                what = "a role that is gone" if role is None else role.display_name
                message = f"{what} of {shown(key)} at {hold.scope} has ended; delete it"
                yield Finding(LintKind.EXPIRED, hold.name, message)
            elif role is not None:
                self._reached_roles.add(role.id)
                sound.append((hold, role))
        yield from self._redundant(sound)
        yield from self._annulled(key, sound)

    def _is_unknown_group(self, key: str) -> bool:
        # A tab begins a directory: groups of other directories are never known here.
        is_group = key.startswith(f"{PrincipalKind.GROUP.value}:") and "\t" not in key
        return is_group and self._snapshot.groups.get(key) is None

    def _orphaned(self, hold: Hold, role: RoleDefinition | None) -> Finding:
        if role is None:
            message = f"its role {hold.role_id} is not in force"
        else:
            message = f"{shown(hold.holder_key)}, which holds it, does not exist here"
        return Finding(LintKind.ORPHANED, hold.name, message)

    def _redundant(self, sound: list[tuple[Hold, RoleDefinition]]) -> Iterator[Finding]:
        if len(sound) < 2:
            return
        by_scope = _by_scope(sound)
        for hold, role in sound:
            above = (
                pair for place in ancestors(hold.scope)[1:] for pair in by_scope.get(place, ())
            )
            for other, wider in above:
                lasts = other.start_us <= hold.start_us and hold.expire_us <= other.expire_us
                if lasts and self._covers(wider, role):
                    message = (
                        f"{shown(hold.holder_key)} holds {wider.display_name} at {other.scope},"
                        f" which covers {role.display_name} at {hold.scope},"
                        " unless a delegation sets the two apart"
                    )
                    yield Finding(LintKind.REDUNDANT, hold.name, message)
                    break

    def _annulled(self, key: str, sound: list[tuple[Hold, RoleDefinition]]) -> Iterator[Finding]:
        careful = [pair for pair in sound if any(b.not_actions for b in pair[1].permissions)]
        if not careful:
            return
        others = self._with_groups(key, sound)
        by_scope = _by_scope(others)
        for hold, role in careful:
            path = ancestors(hold.scope)
            at_or_above = (pair for place in path for pair in by_scope.get(place, ()))
            below = (
                pair
                for place, pairs in by_scope.items()
                if place != hold.scope and hold.scope in ancestors(place)
                for pair in pairs
            )
            for other, generous in (*at_or_above, *below):
                cut = self._gives_back(role, generous)
                if cut:
                    message = (
                        f"{role.display_name} leaves {cut} out, and {shown(key)} has it back by"
                        f" {generous.display_name} at {other.scope}"
                    )
                    yield Finding(LintKind.NOT_ACTIONS_ANNULLED, hold.name, message)
                    break

    def _with_groups(
        self, key: str, own: list[tuple[Hold, RoleDefinition]]
    ) -> list[tuple[Hold, RoleDefinition]]:
        groups = tuple(one for one in self._snapshot.closure((key,)) if one != key)
        through = (
            (hold, hold.role(self._snapshot))
            for hold in holds_of(self._snapshot, groups)
            if self._now_us < hold.expire_us
        )
        return [*own, *((hold, role) for hold, role in through if role is not None)]

    def _covers(self, wider: RoleDefinition, role: RoleDefinition) -> bool:
        pair = (wider.id, role.id)
        if pair not in self._covering:
            self._covering[pair] = wider.id == role.id or not missing(
                wider.permissions, role.permissions
            )
        return self._covering[pair]

    def _gives_back(self, role: RoleDefinition, generous: RoleDefinition) -> str:
        pair = (role.id, generous.id)
        if pair not in self._given_back:
            self._given_back[pair] = "" if role.id == generous.id else _cut_back(role, generous)
        return self._given_back[pair]


def _cut_back(role: RoleDefinition, generous: RoleDefinition) -> str:
    """Return a pattern that a role leaves out and another one gives back; empty when none is."""
    for block in role.permissions:
        for cut in block.not_actions:
            if any(meet(cut, pattern) for pattern in block.actions) and any(
                _gives(other, cut) for other in generous.permissions
            ):
                return cut
    return ""


def _gives(block: Permission, cut: str) -> bool:
    for pattern in block.actions:
        if meet(pattern, cut):
            common = pattern if covers(cut, pattern) else cut
            if not covered_by_any(common, block.not_actions):
                return True
    return False


def _by_scope(
    pairs: Iterable[tuple[Hold, RoleDefinition]],
) -> dict[str, list[tuple[Hold, RoleDefinition]]]:
    by_scope: dict[str, list[tuple[Hold, RoleDefinition]]] = {}
    for pair in pairs:
        by_scope.setdefault(pair[0].scope, []).append(pair)
    return by_scope


def _bounded(found: Iterable[Finding]) -> Iterator[Finding]:
    counts: Counter[LintKind] = Counter()
    for one in found:
        counts[one.kind] += 1
        if counts[one.kind] <= MAX_FINDINGS_OF_A_KIND:
            yield one
    for kind, count in counts.items():
        if count > MAX_FINDINGS_OF_A_KIND:
            more = count - MAX_FINDINGS_OF_A_KIND
            yield Finding(kind, "", f"and {more} more of this kind; mend these and look again")
