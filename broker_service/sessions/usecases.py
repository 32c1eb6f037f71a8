"""Connecting a user."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from dataclasses import dataclass

from broker_service.assignments.claims import CLAIM_KEYS
from broker_service.assignments.rules import Person
from broker_service.collections.rules import Collection, CollectionType
from broker_service.history.rules import Author
from broker_service.hosts.rules import Host
from broker_service.sessions.rdp import rdp_file
from broker_service.sessions.store import (
    Arrival,
    Ask,
    Way,
    find_or_claim,
    find_ways,
    pooled_host,
)
from deskhold.chassis.database import Database
from deskhold.errors import FailedPrecondition, NotFound, ResourceExhausted
from deskhold.identities import Domains
from deskhold.names import DESKTOP_APP_GROUP, Kind, Name

_REMEMBERED = 100_000


@dataclass(frozen=True, slots=True)
class WayIn:
    """Where a user goes.

    Attributes:
        host: The host.
        user: The user as the assignment has it.
        is_new: Whether the host was assigned by this call.
        is_administrator: Whether the user is to be administrator on the host.
        rdp: The `.rdp` file.
    """

    host: Host
    user: str
    is_new: bool
    is_administrator: bool
    rdp: str


class Sessions:
    """The use cases of sessions.

    Args:
        database: The broker's store.
        domains: The deployment's domains.
    """

    def __init__(self, database: Database, domains: Domains) -> None:
        self._database = database
        self._domains = domains
        self._seen: OrderedDict[tuple[str, str], None] = OrderedDict()

    async def connect(self, target: Name, user: str, author: Author) -> WayIn:
        r"""Find a user's host, or claim one; repeating it leads to the same host.

        Args:
            target: A collection, which stands for its app group `desktop`, or an app group.
            user: `DOMAIN\user` or `user@domain`.
            author: Who acts, and by which right.

        Raises:
            NotFound: No such collection or app group.
            FailedPrecondition: Nothing is assigned and the
                collection does not assign automatically.
            ResourceExhausted: No host is free.
        """
        person = Person(user, self._domains.user_key(user))
        app_group_id = target.id if target.kind is Kind.APP_GROUP else DESKTOP_APP_GROUP
        ask = Ask(target.collection.text, app_group_id, person.key)
        way = await self._way(Arrival(ask, person, author))
        collection = way.collection
        if collection is None or not way.has_app_group:
            raise _no_target(collection, target)
        if collection.draft.type is CollectionType.POOLED:
            return _way_in(collection, await self._pooled(collection, person), user, is_new=False)
        if way.host is None:
            raise FailedPrecondition(
                f"no host of {collection.name} is assigned to {user}, and the collection does not"
                " assign automatically; ask its administrator",
                reason="NOT_ASSIGNED",
                metadata={"collection": collection.name, "user": user},
            )
        return _way_in(collection, way.host, user, is_new=way.is_new)

    async def _way(self, arrival: Arrival) -> Way:
        """Return a user's way, with a host claimed where that is due.

        Who is seen for the first time may need a claim and goes to the writer at once; who was
        there before most likely does not, and is looked up beside it. What is remembered only
        chooses the lane and is never an answer.
        """
        seen = (arrival.ask.collection, arrival.ask.user_key)
        if seen in self._seen:
            way = await self._database.lookup(find_ways, arrival.ask)
            if not way.may_claim:
                return way
        way = await self._database.writer.gather(find_or_claim, arrival)
        self._seen[seen] = None
        if len(self._seen) > _REMEMBERED:
            self._seen.popitem(last=False)
        return way

    async def _pooled(self, collection: Collection, person: Person) -> Host:
        # Without session reports load is unknown: users spread over the ring by a hash of their
        # key, each to the same host again.
        digest = hashlib.sha256(person.key.encode()).digest()
        place = int.from_bytes(digest[:8]) % CLAIM_KEYS
        host = await self._database.read(lambda tx: pooled_host(tx, collection, place))
        if host is None:
            raise ResourceExhausted(
                f"{collection.name} has no hosts; ask its administrator to add some",
                reason="NO_FREE_HOST",
                metadata={"collection": collection.name, "hosts": "0", "assigned": "0"},
            )
        return host


def _way_in(collection: Collection, host: Host, user: str, *, is_new: bool) -> WayIn:
    held_by = host.hold.user if host.hold is not None else user
    return WayIn(
        host=host,
        user=held_by,
        is_new=is_new,
        is_administrator=collection.draft.grant_administrative_privilege,
        rdp=rdp_file(host, held_by),
    )


def _no_target(collection: Collection | None, target: Name) -> NotFound:
    if collection is None:
        return NotFound(
            f"there is no collection {target.collection}; see them with: deskhold collection list",
            reason="COLLECTION_NOT_FOUND",
            metadata={"collection": target.collection.text},
        )
    return NotFound(
        f"there is no app group {target}",
        reason="APP_GROUP_NOT_FOUND",
        metadata={"app_group": target.text},
    )
