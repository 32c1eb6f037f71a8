"""Sending users to the hosts of a pooled collection.

Sign-ins in flight count as load: a host that fifty users were sent to within a second is not empty
because no session has been reported yet. However many come at once, they are spread in memory, and
a handful of statements writes it down.
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Iterator, Sequence

from sqlalchemy import Connection, bindparam, case, delete, insert, or_, select, update

from broker_service.assignments.claims import RANKS, Claim
from broker_service.collections.rules import Collection, LoadBalancing
from broker_service.collections.store import require_same
from broker_service.hosts.rules import Host
from broker_service.hosts.store import host_of, reckon
from broker_service.sessions.rules import SIGN_IN_US
from broker_service.tables import hosts, sign_ins

_LIMIT = case(
    (hosts.c.session_limit > 0, hosts.c.session_limit),
    else_=bindparam("limit", type_=hosts.c.session_limit.type),
)
_OPEN = select(hosts).where(
    hosts.c.collection_id == bindparam("collection"),
    hosts.c.claim_rank == bindparam("rank"),
    or_(_LIMIT == 0, hosts.c.session_count + hosts.c.sign_in_count < _LIMIT),
)
_BEST = {
    LoadBalancing.BREADTH_FIRST: _OPEN.order_by(hosts.c.load, hosts.c.claim_key),
    LoadBalancing.DEPTH_FIRST: _OPEN.order_by(hosts.c.load.desc(), hosts.c.claim_key.desc()),
}
# Brokers on one PostgreSQL pass by what another one is sending somebody to. As many hosts as users
# are enough: whatever the rule, no user is sent to one behind them.
_PASSING = {
    rule: query.limit(bindparam("count")).with_for_update(skip_locked=True)
    for rule, query in _BEST.items()
}
# When nothing else is left they wait for it: nobody is refused before it is known to be full.
_WAITING = {rule: query.with_for_update() for rule, query in _BEST.items()}
_LEAVE = (
    delete(sign_ins)
    .where(
        sign_ins.c.collection_id == bindparam("collection"),
        sign_ins.c.user_key.in_(bindparam("user_keys", expanding=True)),
    )
    .returning(sign_ins.c.host)
)
_SEND = insert(sign_ins)
_COUNT = (
    update(hosts)
    .where(hosts.c.id == bindparam("of_host"))
    .values(sign_in_count=hosts.c.sign_in_count + bindparam("change"))
)


def place_users(
    connection: Connection,
    collection: Collection,
    claims: Sequence[Claim],
    ranks: Sequence[int],
) -> dict[str, Host]:
    """Return a host for each user, by key, as far as hosts take more.

    That they have neither session nor sign-in on an open host was read in the same transaction.

    Args:
        connection: An open transaction.
        collection: Where.
        claims: Whose.
        ranks: Which ranks open hosts may have, the first to be taken first.

    Raises:
        NotFound: The collection was deleted since it was read.
    """
    require_same(connection, collection)
    placed: dict[str, Host] = {}
    rule = collection.draft.load_balancing or LoadBalancing.BREADTH_FIRST
    limit = collection.draft.max_sessions_per_host
    for queries, some in ((_PASSING, ranks), (_WAITING, RANKS)):
        for rank in some:
            rest = claims[len(placed) :]
            if rest:
                values = {"collection": collection.id, "limit": limit, "rank": rank}
                if queries is _PASSING:
                    values["count"] = len(rest)
                rows = connection.execute(queries[rule], values)
                best = [host_of(row, collection.name) for row in rows]
                sent = list(_spread(best, rest, rule, limit))
                send_to(connection, collection, sent)
                placed |= {claim.person.key: host for claim, host in sent}
    return placed


def is_signing_in(
    connection: Connection, collection: Collection, host: Host, user_key: str, now_us: int
) -> bool:
    """Say whether a user was sent to a host lately and their session is not reported yet."""
    query = select(sign_ins.c.host).where(
        sign_ins.c.collection_id == collection.id,
        sign_ins.c.user_key == user_key,
        sign_ins.c.host == host.id,
        sign_ins.c.expires_us > now_us,
    )
    return connection.execute(query).first() is not None


def send_to(
    connection: Connection, collection: Collection, sent: Sequence[tuple[Claim, Host]]
) -> None:
    """Count users, each named once, as signing in to hosts, and nowhere else."""
    if not sent:
        return
    keys = [claim.person.key for claim, _ in sent]
    # What is gone counts, not what was there: a report that ends a sign-in counts it out itself.
    values = {"collection": collection.id, "user_keys": keys}
    left = connection.execute(_LEAVE, values).scalars().all()
    rows = [
        {
            "collection_id": collection.id,
            "user_key": claim.person.key,
            "host": host.id,
            "expires_us": claim.author.now_us + SIGN_IN_US,
        }
        for claim, host in sent
    ]
    connection.execute(_SEND, rows)
    changes = Counter(host.id for _, host in sent)
    changes.subtract(left)
    # In one order, so that two brokers do not wait for each other in a circle.
    counted = [
        {"of_host": host, "change": change} for host, change in sorted(changes.items()) if change
    ]
    if counted:
        connection.execute(_COUNT, counted)
        reckon(connection, [one["of_host"] for one in counted])


def _spread(
    best: Sequence[Host], claims: Sequence[Claim], rule: LoadBalancing, limit: int
) -> Iterator[tuple[Claim, Host]]:
    """Yield whom to send where, each by what those before them have added."""
    sign = 1 if rule is LoadBalancing.BREADTH_FIRST else -1
    heap = [(sign * host.load.relative, place, host) for place, host in enumerate(best)]
    heapq.heapify(heap)
    for claim in claims:
        if not heap:
            return
        _, place, host = heap[0]
        fuller = host._replace(load=host.load._replace(sign_ins=host.load.sign_ins + 1))
        yield claim, fuller
        if fuller.load.has_room(limit):
            heapq.heapreplace(heap, (sign * fuller.load.relative, place, fuller))
        else:
            heapq.heappop(heap)
