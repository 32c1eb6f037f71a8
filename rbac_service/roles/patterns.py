"""Patterns of actions: which match, which cover others, which meet.

A pattern is text in which `*` stands for any run of characters, slashes included, as in Azure RBAC.
Case does not matter. Whether a pattern matches or covers is answered by looking for the pieces
between its stars from left to right, once: no pattern makes that backtrack.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import Final

# A star that is to be covered stands as a character that no pattern can hold, so only another star
# can take it up. This is exact as long as actions may hold characters that the patterns at hand do
# not, which is always so for ours.
_ANYTHING: Final = "\0"

# No wildcard implies these: who may hand out or write what they do not hold must have been told so
# by name.
BIND: Final = "deskhold.authorization/roleassignments/bind/action"
ESCALATE: Final = "deskhold.authorization/roledefinitions/escalate/action"
EXPLICIT_ONLY: Final = frozenset({BIND, ESCALATE})


def matches(pattern: str, action: str) -> bool:
    """Say whether a pattern matches an action in lower case; no star reaches explicit-only ones."""
    folded = pattern.lower()
    if action in EXPLICIT_ONLY:
        return folded == action
    return _globs(folded, action)


def covers(outer: str, inner: str) -> bool:
    """Say whether everything that the inner pattern matches is matched by the outer one."""
    inner = inner.lower()
    if inner in EXPLICIT_ONLY:
        return outer.lower() == inner
    return _globs(outer.lower(), inner.replace("*", _ANYTHING))


def covered_by_any(inner: str, outers: Iterable[str]) -> bool:
    """Say whether one of the outer patterns covers the inner one.

    For patterns alone this is also whether their union does: the inner pattern with something
        unheard-of in place of its
    stars must be matched by one of them.
    """
    return any(covers(outer, inner) for outer in outers)


def meet(one: str, other: str) -> bool:
    """Say whether some action is matched by both patterns."""
    if "*" not in one:
        return matches(other, one.lower())
    if "*" not in other:
        return matches(one, other.lower())
    return _meet(one.lower(), other.lower())


def _globs(pattern: str, text: str) -> bool:
    first, *rest = pattern.split("*")
    if not rest:
        return first == text
    last = rest.pop()
    if len(first) + len(last) > len(text):
        return False
    if not (text.startswith(first) and text.endswith(last)):
        return False
    position, end = len(first), len(text) - len(last)
    for piece in rest:
        found = text.find(piece, position, end)
        if found < 0:
            return False
        position = found + len(piece)
    return True


@lru_cache(maxsize=4096)
def _meet(one: str, other: str) -> bool:
    """Walk both patterns at once; the set of reachable places makes it linear in their product."""
    places = {0}
    for char in one:
        places = _closure(places, other)
        if char == "*":
            # The star takes up any rest of the other pattern.
            places = set(range(min(places, default=len(other) + 1), len(other) + 1))
            continue
        places = {
            place if other[place] == "*" else place + 1
            for place in places
            if place < len(other) and other[place] in (char, "*")
        }
    return len(other) in _closure(places, other)


def _closure(places: set[int], pattern: str) -> set[int]:
    """Add the places behind stars that take up nothing."""
    reached = set(places)
    waiting = list(places)
    while waiting:
        place = waiting.pop()
        if pattern[place : place + 1] == "*" and place + 1 not in reached:
            reached.add(place + 1)
            waiting.append(place + 1)
    return reached
