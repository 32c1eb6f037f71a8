"""What groups are, and the bounds of their nesting."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from deskhold.errors import FailedPrecondition
from deskhold.identities import Principal, PrincipalKind

MAX_DEPTH: Final = 8
MAX_MEMBERS: Final = 100_000


@dataclass(frozen=True, slots=True)
class Group:
    """A group.

    Attributes:
        id: Its id.
        display_name: What people call it.
        created_us: When it was created.
        revision: The revision that created it.
        member_count: How many direct members it has.
    """

    id: str
    display_name: str
    created_us: int
    revision: int
    member_count: int = 0

    @property
    def key(self) -> str:
        """The form in which it is compared, as a principal."""
        return group_key(self.id)

    @property
    def etag(self) -> str:
        """Opaque version of the content, members aside."""
        return f"r{self.revision}"


@dataclass(frozen=True, slots=True)
class Member:
    """One direct membership.

    Attributes:
        group_id: In which group.
        principal: Who, as given.
        key: Who, as compared.
        created_us: Since when.
    """

    group_id: str
    principal: Principal
    key: str
    created_us: int


def group_key(group_id: str) -> str:
    """Return the key of a group of the deployment's own directory."""
    return f"{PrincipalKind.GROUP.value}:{group_id}"


def check_nesting(
    group_id: str,
    member_key: str,
    groups_above: Callable[[str], Sequence[str]],
    groups_below: Callable[[str], Sequence[str]],
) -> None:
    """Check that a group may become a member of another.

    Args:
        group_id: The group that gets the member.
        member_key: The key of the member, a group.
        groups_above: The keys of the groups that a key is directly in.
        groups_below: The keys of the groups that are directly in a key.

    Raises:
        FailedPrecondition: It would contain itself, or nest too deep.
    """
    own = group_key(group_id)
    above = _levels(own, groups_above)
    if member_key in {key for level in above for key in level}:
        raise FailedPrecondition(
            f"{member_key} contains groups/{group_id}; a group cannot contain itself",
            reason="GROUP_CYCLE",
            metadata={"group": f"groups/{group_id}", "member": member_key},
        )
    depth = len(above) + len(_levels(member_key, groups_below))
    if depth > MAX_DEPTH:
        raise FailedPrecondition(
            f"with {member_key} in groups/{group_id} groups would nest {depth} deep;"
            f" {MAX_DEPTH} is the most",
            reason="GROUP_TOO_DEEP",
            metadata={"group": f"groups/{group_id}", "limit": str(MAX_DEPTH)},
        )


def _levels(start: str, step: Callable[[str], Sequence[str]]) -> list[set[str]]:
    """Return the groups reached from one, by distance; itself first."""
    levels: list[set[str]] = [{start}]
    while len(levels) <= MAX_DEPTH:
        reached = {key for one in levels[-1] for key in step(one)}
        if not reached:
            break
        levels.append(reached)
    return levels
