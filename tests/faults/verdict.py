"""What is left of what was acknowledged, as the services say once they answer again."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass

from deskhold.client import AsyncClient
from tests.faults.load import ROLE, STRANGER, Places, Record


@dataclass(frozen=True)
class Verdict:
    """A sentence for each thing that is not as it must be.

    Attributes:
        lost: Acknowledged changes that are not there, or only in part.
        held_twice: Hosts with two holders, users with two hosts.
        unauthorized: What was done without the right to.
    """

    lost: tuple[str, ...]
    held_twice: tuple[str, ...]
    unauthorized: tuple[str, ...]


async def judge(record: Record, places: Places, owner: AsyncClient) -> Verdict:
    """Compare what was acknowledged with what is there."""
    claimed = await _held(owner, places.claims)
    settled = await _held(owner, places.sets)
    imported = await _held(owner, places.imports)
    granted = [one async for one in _granted(owner, places)]
    held = [*claimed, *settled, *imported]
    lost = [
        *record.lost,
        *_lost_claims(record, claimed),
        *_lost_hosts(record, dict(settled)),
        *_lost_imports(record, set(imported)),
        *_lost_grants(record, set(granted)),
    ]
    effects = [user for _, user in held if user == STRANGER] + [
        user for user in granted if user == STRANGER
    ]
    return Verdict(
        lost=tuple(lost),
        held_twice=tuple(_held_twice(record, held)),
        unauthorized=(*record.unauthorized, *(f"{user} is listed" for user in effects)),
    )


async def _held(owner: AsyncClient, collection: str) -> list[tuple[str, str]]:
    """Return the hosts of a collection that are held, and by whom."""
    return [(_id(one.host), one.user) async for one in owner.list_assignments(collection)]


async def _granted(owner: AsyncClient, places: Places) -> AsyncIterator[str]:
    async for one in owner.list_role_assignments(f"/{places.sets}", at_scope_only=True):
        yield one.principal.id


def _lost_claims(record: Record, held: list[tuple[str, str]]) -> Iterator[str]:
    there = {user: host for host, user in held}
    for user, host in record.claims.items():
        if there.get(user) != _id(host):
            yield f"{user} was given {host} and holds {there.get(user)}"


def _lost_hosts(record: Record, there: dict[str, str]) -> Iterator[str]:
    for host, may_hold in record.hosts.items():
        if there.get(host) not in may_hold:
            yield f"{host} is held by {there.get(host)} and not by one of {may_hold}"


def _lost_imports(record: Record, there: set[tuple[str, str]]) -> Iterator[str]:
    for rows, is_acknowledged in record.imports:
        missing = rows.items() - there
        if missing and (is_acknowledged or len(missing) < len(rows)):
            yield f"{len(missing)} of {len(rows)} rows of an import are missing: {sorted(missing)}"


def _lost_grants(record: Record, there: set[str]) -> Iterator[str]:
    for user, may_be in record.grants.items():
        if (user in there) not in may_be:
            yield f"{user} has the role {ROLE}: {user in there}, told: {may_be}"


def _held_twice(record: Record, held: list[tuple[str, str]]) -> Iterator[str]:
    told = Counter(record.claims.values())
    yield from (f"{host} was given to {count} users" for host, count in told.items() if count > 1)
    for index, what in enumerate(("host", "user")):
        times = Counter(one[index] for one in held)
        yield from (f"{what} {one}: {count}" for one, count in times.items() if count > 1)


def _id(host: str) -> str:
    return host.rpartition("/")[2]
