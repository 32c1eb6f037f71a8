"""Role assignments of a snapshot as values, for whoever has to name them. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from rbac_service.access.snapshot import FOREVER_US, Snapshot, Timed, pairs
from rbac_service.roles.rules import RoleDefinition


@dataclass(frozen=True, slots=True)
class Hold:
    """One principal's hold on one role at one scope.

    Attributes:
        holder_key: Who holds it.
        scope: Where.
        role_id: Which role; it need not be in force.
        assignment_id: By which role assignment.
        start_us: From when it counts.
        expire_us: Until when, exclusive.
        is_permanent: Whether it was assigned without a beginning and an end.
    """

    holder_key: str
    scope: str
    role_id: str
    assignment_id: str
    start_us: int = 0
    expire_us: int = FOREVER_US
    is_permanent: bool = True

    @property
    def name(self) -> str:
        """The resource name of the role assignment."""
        return f"{self.scope}/roleAssignments/{self.assignment_id}".lstrip("/")

    def counts_at(self, now_us: int) -> bool:
        """Say whether it counts at a time."""
        return self.start_us <= now_us < self.expire_us

    def role(self, snapshot: Snapshot) -> RoleDefinition | None:
        """Return the role, or None when it is no longer in force."""
        return snapshot.catalogue.find(self.role_id)


def holds_of(snapshot: Snapshot, keys: tuple[str, ...]) -> Iterator[Hold]:
    """Return everything that some principals hold themselves, permanent ones first."""
    for key in keys:
        for scope, held in (snapshot.held.get(key) or {}).items():
            for role_id, assignment_id in pairs(held):
                yield Hold(key, scope, role_id, assignment_id)
    for key in keys:
        for one in snapshot.timed.get(key) or ():
            yield _timed(key, one)


def holds_on(snapshot: Snapshot, keys: tuple[str, ...], path: tuple[str, ...]) -> Iterator[Hold]:
    """Return what some principals hold themselves at some scopes, in the order `decide` looks."""
    held = [(key, snapshot.held.get(key) or {}) for key in keys]
    for place in path:
        for key, by_scope in held:
            for role_id, assignment_id in pairs(by_scope.get(place, ())):
                yield Hold(key, place, role_id, assignment_id)
    for key in keys:
        for one in snapshot.timed.get(key) or ():
            if one.scope in path:
                yield _timed(key, one)


def find_hold(snapshot: Snapshot, scope: str, assignment_id: str) -> Hold | None:
    """Return the hold of a role assignment, or None; looks through all principals."""
    for key, by_scope in snapshot.held.items():
        for role_id, own in pairs(by_scope.get(scope, ())):
            if own == assignment_id:
                return Hold(key, scope, role_id, own)
    for key, timed in snapshot.timed.items():
        for one in timed:
            if one.scope == scope and one.assignment_id == assignment_id:
                return _timed(key, one)
    return None


def group_path(snapshot: Snapshot, keys: tuple[str, ...], holder_key: str) -> tuple[str, ...]:
    """Return the shortest way through groups from a principal to one that holds a role.

    Args:
        snapshot: The policy.
        keys: The principal, then the groups its token names.
        holder_key: The principal itself or a group it is in.

    Returns:
        The groups on the way, the holder last; nothing when the principal itself is the holder.

    Raises:
        ValueError: The principal is not in that group.
    """
    principal, *in_token = keys
    came_from: dict[str, str] = {principal: ""}
    level = [principal]
    while level and holder_key not in came_from:
        reached: list[str] = []
        for key in level:
            groups = (*(in_token if key == principal else ()), *(snapshot.groups_of.get(key) or ()))
            for group in groups:
                if group not in came_from:
                    came_from[group] = key
                    reached.append(group)
        level = reached
    if holder_key not in came_from:
        raise ValueError(f"{principal} is not in {holder_key}")
    path = []
    while holder_key != principal:
        path.append(holder_key)
        holder_key = came_from[holder_key]
    return tuple(reversed(path))


def shown(key: str) -> str:
    """Return a principal's key as people read it."""
    return key.replace("\t", " of ")


def _timed(key: str, one: Timed) -> Hold:
    return Hold(
        key,
        one.scope,
        one.role_id,
        one.assignment_id,
        one.start_us,
        one.expire_us,
        is_permanent=False,
    )
