"""Where the broker's store and the authority's differ."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from deskhold.names import ancestors


class MismatchKind(Enum):
    """What is wrong with a scope."""

    NOT_REGISTERED = "NOT_REGISTERED"
    ORPHANED = "ORPHANED"


@dataclass(frozen=True, slots=True)
class Mismatch:
    """A scope that one of the two stores has.

    Attributes:
        scope: Which.
        kind: Which of them has it.
    """

    scope: str
    kind: MismatchKind


@dataclass(frozen=True, slots=True)
class Resources:
    """What the broker has at one moment.

    Attributes:
        uids: The collections and app groups: their uids by scope.
        in_transition: The scopes of names that are being created or removed.
    """

    uids: Mapping[str, str]
    in_transition: frozenset[str]

    def is_in_transition(self, scope: str) -> bool:
        """Say whether a scope, or one above it, comes or goes."""
        return not self.in_transition.isdisjoint(ancestors(scope))


def not_registered(
    before: Resources, registered: Mapping[str, str], after: Resources
) -> list[Mismatch]:
    """Return the scopes that the authority lacks.

    Its scopes were read between the two looks at the broker's. What has the same uid in both was
    there all the time, and should have had its scope.
    """
    return [
        Mismatch(scope, MismatchKind.NOT_REGISTERED)
        for scope, uid in before.uids.items()
        if after.uids.get(scope) == uid
        and scope not in registered
        and not before.is_in_transition(scope)
        and not after.is_in_transition(scope)
    ]


def orphaned(
    registered: Mapping[str, str], between: Resources, registered_after: Mapping[str, str]
) -> list[Mismatch]:
    """Return the scopes that nothing stands for.

    The broker's were read between the two looks at the authority's. What has the same etag in both
    was registered all the time, also while the broker neither had it nor was about to.
    """
    return [
        Mismatch(scope, MismatchKind.ORPHANED)
        for scope, etag in registered.items()
        if registered_after.get(scope) == etag
        and scope not in between.uids
        and not between.is_in_transition(scope)
    ]
