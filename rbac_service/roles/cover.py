"""Whether what somebody holds covers what they would hand out. Pure.

Both sides are blocks: patterns of actions, less patterns of not_actions. The question is one of
sets, not of strings: `deskhold.resources/*` covers `deskhold.resources/hosts/write`, `*` less
`*/delete` does not cover `*`.

Where a held block leaves something out of a wanted pattern, that rest must be left out by the
wanted block too, or be covered by another held block. When two patterns only partly overlap the
rest is taken to be larger than it is, so that the answer errs on the side of refusing.
"""

from __future__ import annotations

from collections.abc import Sequence

from rbac_service.roles.patterns import covered_by_any, covers, meet
from rbac_service.roles.rules import Permission


def missing(held: Sequence[Permission], wanted: Sequence[Permission]) -> list[str]:
    """Return the patterns that are wanted and not covered; nothing when all is held."""
    lacking: dict[str, None] = {}
    for block in wanted:
        for pattern in block.actions:
            if not _covered(pattern, block.not_actions, held):
                lacking[pattern] = None
    return list(lacking)


def _covered(pattern: str, left_out: Sequence[str], held: Sequence[Permission]) -> bool:
    if covered_by_any(pattern, left_out):
        return True
    for number, block in enumerate(held):
        if not covered_by_any(pattern, block.actions):
            continue
        # Each step leaves one block out, so it ends.
        others = [*held[:number], *held[number + 1 :]]
        rests = [_common(pattern, cut) for cut in block.not_actions if meet(pattern, cut)]
        if all(_covered(rest, left_out, others) for rest in rests):
            return True
    return False


def _common(pattern: str, cut: str) -> str:
    """Return a pattern that matches at least what both match."""
    return pattern if covers(cut, pattern) else cut
