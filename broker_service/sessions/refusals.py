"""Why no host of a collection takes one more user: counts, and a reason for the first hosts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from sqlalchemy import Connection, and_, bindparam, case, func, select

from broker_service.collections.rules import Collection, CollectionType
from broker_service.collections.store import require_same
from broker_service.hosts.rules import NewConnections
from broker_service.tables import hosts
from deskhold.errors import Obstacle, ResourceExhausted

_FIRST = 10
# What is said of a host, in this order.
_WORDS = {
    "HOST_HELD": ("assigned", "is assigned"),
    "HOST_QUARANTINED": ("quarantined", "waits to be confirmed as clean"),
    "HOST_RESERVED": ("reserved", "is kept for another user"),
    "HOST_DRAINING": ("draining", "takes no new sessions"),
    "HOST_UNAVAILABLE": ("unavailable", "is out of order, or its agent does not report"),
    "HOST_FULL": ("full", "takes no more sessions"),
}
_REASON = case(
    (hosts.c.user_key.is_not(None), "HOST_HELD"),
    (hosts.c.quarantined_us.is_not(None), "HOST_QUARANTINED"),
    # One that is over is still there until a claim has ended it, which a dry one undoes.
    (hosts.c.reserved_until_us > bindparam("now_us"), "HOST_RESERVED"),
    (hosts.c.new_connections != NewConnections.YES.value, "HOST_DRAINING"),
    (hosts.c.claim_rank.is_(None), "HOST_UNAVAILABLE"),
    else_="HOST_FULL",
)


class Search(NamedTuple):
    """A search for a host that found none.

    Attributes:
        collection: Where.
        now_us: When; reservations that have run out by then stand in nobody's way.
    """

    collection: Collection
    now_us: int


@dataclass(frozen=True, slots=True)
class PassedOver:
    """The hosts of a collection that could not be handed out.

    Attributes:
        collection: The collection.
        counts: How many, by reason.
        first: Id and reason of the first ones that are not assigned, then of those that are.
    """

    collection: Collection
    counts: dict[str, int]
    first: Sequence[tuple[str, str]]

    @property
    def error(self) -> ResourceExhausted:
        """The refusal that tells them."""
        name, total = self.collection.name, sum(self.counts.values())
        counted = {
            word: str(self.counts[reason])
            for reason, (word, _) in _WORDS.items()
            if reason in self.counts
        }
        return ResourceExhausted(
            f"{self._words(total)}; ask its administrator for another host",
            reason="NO_FREE_HOST",
            metadata={"collection": name, "hosts": str(total), "assigned": "0", **counted},
            obstacles=tuple(
                Obstacle(reason, f"{name}/hosts/{host_id}", f"{host_id} {_WORDS[reason][1]}")
                for host_id, reason in self.first
            ),
        )

    def _words(self, total: int) -> str:
        name = self.collection.name
        if total == 0:
            return f"{name} has no hosts"
        if set(self.counts) == {"HOST_HELD"}:
            return (
                f"the only host of {name} is assigned"
                if total == 1
                else f"all {total} hosts of {name} are assigned"
            )
        counted = ", ".join(
            f"{self.counts[reason]} {word}"
            for reason, (word, _) in _WORDS.items()
            if reason in self.counts
        )
        return f"no host of {name} takes another user: {counted}"


def passed_over(connection: Connection, searches: Sequence[Search]) -> Sequence[PassedOver]:
    """Return why they found none, each collection looked at once (for `Database.lookup`).

    Raises:
        NotFound: One of the collections was deleted since it was read.
    """
    latest = {one.collection.uid: one for one in sorted(searches, key=lambda one: one.now_us)}
    found = {uid: _look(connection, one) for uid, one in latest.items()}
    return [found[one.collection.uid] for one in searches]


def _look(connection: Connection, search: Search) -> PassedOver:
    collection, now = search.collection, {"now_us": search.now_us}
    require_same(connection, collection)
    # A host that became free in this moment is no reason; who comes again gets it.
    closed = hosts.c.collection_id == collection.id
    if collection.draft.type is CollectionType.PERSONAL:
        closed = and_(closed, _REASON != "HOST_FULL")
    counts = select(_REASON, func.count()).where(closed).group_by(_REASON)
    first = select(hosts.c.host_id, _REASON).where(closed)
    free_first = first.order_by(hosts.c.user_key.is_not(None), hosts.c.id).limit(_FIRST)
    return PassedOver(
        collection,
        {row[0]: row[1] for row in connection.execute(counts, now)},
        [(host_id, reason) for host_id, reason in connection.execute(free_first, now)],
    )
